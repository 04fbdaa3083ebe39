// Runs the programs of a command one after another. The last one replaces this process if Node.js can do that (22.15 and newer);
// otherwise we wait for it and pass our signals on. Does the same as chain.py, for images without Python: node chain.js JSON.
"use strict";
const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const path = require("node:path");
const fs = require("node:fs");

const top = process.cwd();
const steps = JSON.parse(process.argv[2]);
let running = null;
let endedBy = 0;

for (const name of ["SIGTERM", "SIGINT"]) {
  process.on(name, () => {
    endedBy = constants.signals[name];
    if (running) running.kill(name);
  });
}

function complain(sentence) {
  fs.writeSync(2, `${sentence}\n`);
}

function found(program, variables, folder) {
  const places = program.includes("/") ? [path.resolve(folder, program)] : (variables.PATH || "").split(":").map((place) => path.join(place, program));
  return places.find((place) => {
    try {
      fs.accessSync(place, fs.constants.X_OK);
      return fs.statSync(place).isFile();
    } catch {
      return false;
    }
  });
}

function placeOf(step) {
  const folder = path.join(top, step.folder);
  if (fs.existsSync(folder) && fs.statSync(folder).isDirectory()) return folder;
  complain(`“${step.text}” could not be started: there is no folder “${step.folder}”.`);
  return null;
}

function run(step) {
  const folder = placeOf(step);
  if (folder === null) return Promise.resolve(127);
  return new Promise((resolve) => {
    running = spawn(step.argv[0], step.argv.slice(1), { cwd: folder, env: { ...process.env, ...step.variables }, stdio: "inherit" });
    running.on("error", (error) => {
      complain(`“${step.text}” could not be started: ${error.code === "ENOENT" ? "the program was not found" : error.message}.`);
      resolve(127);
    });
    running.on("exit", (code, signal) => resolve(code === null ? 128 + constants.signals[signal] : code));
  });
}

async function become(step) {
  const folder = placeOf(step);
  const variables = { ...process.env, ...step.variables };
  const program = folder && found(step.argv[0], variables, folder);
  if (program && process.execve) {
    process.chdir(folder);
    process.removeAllListeners("SIGTERM");
    process.removeAllListeners("SIGINT");
    process.removeAllListeners("warning"); // Node.js warns that execve is experimental
    process.execve(program, step.argv, variables);
  }
  process.title = "started"; // so that the list of processes no longer shows us as a launcher that runs an earlier program
  process.exit(folder ? await run(step) : 127);
}

async function follow() {
  for (const step of steps.slice(0, -1)) {
    const code = await run(step);
    running = null;
    if (endedBy) process.exit(128 + endedBy);
    if (code && !step.may_fail) {
      complain(`“${step.text}” ended with code ${code}, so “${steps[steps.length - 1].text}” is not started.`);
      process.exit(code);
    }
  }
  await become(steps[steps.length - 1]);
}

follow();
