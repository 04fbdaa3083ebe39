"""Languages of the Java Virtual Machine: Maven, Gradle, ready archives, Scala, Clojure."""

from __future__ import annotations

import re

from fairway.drivers.builders.detection.others_common import program
from fairway.drivers.builders.detection.recipe import Recipe
from fairway.drivers.builders.detection.source_folder import SourceFolder

JAR = "app.jar"
SPRING = ("--server.port={port}", "--server.address={host}")


def detect_maven(source: SourceFolder) -> Recipe | None:
    """Maven: ``pom.xml``, packaged without running its tests."""
    if not source.has("pom.xml"):
        return None
    pom = source.text("pom.xml")
    tool = "./mvnw" if source.has("mvnw") else "mvn"
    archive = "target/*.war" if re.search(r"<packaging>\s*war\b", pom) else "target/*.jar"
    return _jar(source, "maven", pom, "pom.xml", (tool, "-q", "-B", "package", "-DskipTests"), archive)


def detect_gradle(source: SourceFolder) -> Recipe | None:
    """Gradle: ``build.gradle``, built without running its tests."""
    file = source.first("build.gradle", "build.gradle.kts")
    if file is None:
        return None
    text = source.text(file)
    if "com.android" in text or source.has("app/src/main/AndroidManifest.xml"):
        return program(source, "gradle", "Android", file).blocked(
            f"This is an Android application ({file}): it is installed on phones, and nothing of it answers visitors."
        )
    tool = "./gradlew" if source.has("gradlew") else "gradle"
    return _jar(source, "gradle", text, file, (tool, "build", "-x", "test", "--no-daemon"), "build/libs/*.jar")


def _jar(source: SourceFolder, toolchain: str, text: str, file: str, build: tuple[str, ...], archive: str) -> Recipe:
    language = "Kotlin" if "kotlin" in text else "Java"
    framework = language
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    if "spring-boot" in text or "springframework.boot" in text:
        framework, after = "Spring Boot", SPRING
    elif "quarkus" in text:
        framework, before = "Quarkus", ("QUARKUS_HTTP_PORT={port}", "QUARKUS_HTTP_HOST={host}")
        where = "target/quarkus-app" if toolchain == "maven" else "build/quarkus-app"
        recipe = program(source, toolchain, framework, file, build=build)
        return recipe.changed(command=(*before, "java", "-jar", f"{where}/quarkus-run.jar"))
    elif "micronaut" in text:
        framework, before = "Micronaut", ("MICRONAUT_SERVER_PORT={port}",)
    command = (*before, "java", "-jar", JAR, *after)
    return program(source, toolchain, framework, file, build=build, command=command, install={"collect": [archive, JAR]})


def detect_archive(source: SourceFolder) -> Recipe | None:
    """A ready ``.jar`` or ``.war``, if nothing here builds one."""
    found = source.matching("*.jar", "*.war")
    if not found or source.first("pom.xml", "build.gradle", "build.gradle.kts", "build.sbt", "project.clj"):
        return None
    return (
        program(source, "java", "Java", found[0], command=("java", "-jar", found[0]))
        .noting("A ready archive, told its port by PORT and SERVER_PORT", found[0])
        .changed(command=("SERVER_PORT={port}", "java", "-jar", found[0]))
    )


def detect_scala(source: SourceFolder) -> Recipe | None:
    """Scala: the program that sbt stages; with Play, port and address as properties."""
    if not source.has("build.sbt"):
        return None
    is_play = "playframework" in source.text("project/plugins.sbt").lower() or "PlayScala" in source.text("build.sbt")
    named = re.search(r'\bname\s*:=\s*"([\w.-]+)"', source.text("build.sbt"))
    recipe = program(source, "sbt", "Play" if is_play else "Scala", "build.sbt", build=("sbt", "-batch", "stage"))
    if named is None:
        return recipe.blocked("This is Scala (build.sbt), which gives the project no name: say how to start it.")
    port = ("-Dhttp.port={port}", "-Dhttp.address={host}") if is_play else ()
    return recipe.changed(command=(f"target/universal/stage/bin/{named[1].lower()}", *port))


def detect_clojure(source: SourceFolder) -> Recipe | None:
    """Clojure: Leiningen's standalone archive, or the alias ``run`` of deps.edn."""
    if source.has("project.clj"):
        install = {"collect": ["target/*-standalone.jar", JAR]}
        command = ("java", "-jar", JAR)
        return program(source, "lein", "Clojure", "project.clj", build=("lein", "uberjar"), command=command, install=install)
    if source.has("deps.edn"):
        return program(source, "clojure", "Clojure", "deps.edn", command=("clojure", "-M:run"))
    return None


JVM = (detect_maven, detect_gradle, detect_scala, detect_clojure, detect_archive)
