// Preloaded into firebase-tools, which starts a new Python for each worker. Nearly all of the second of CPU that this costs
// goes into importing the same libraries. With this patch workers are forks of one process that has imported them:
// emulators/worker_forks.py, whose socket is in WORKERS_SOCKET.
"use strict";

const python = require("./node_modules/firebase-tools/lib/functions/python.js");

const START = ["python", "-I", "-S", `"${__dirname}/start_worker.py"`, process.env.WORKERS_SOCKET];

const run = python.runWithVirtualEnv;
python.runWithVirtualEnv = function forked(command, ...others) {
  const isWorker = command.length === 1 && command[0] === "functions-framework";
  return run(isWorker ? START : command, ...others);
};
