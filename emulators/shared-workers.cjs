// Preloaded into firebase-tools, which gives each worker one request at a time and starts a worker for every request that
// finds none idle, even while others are starting. A burst of calls then starts dozens of processes, each of which costs
// a second of CPU. With this patch a worker serves several requests at once, as an instance in production does:
// https://cloud.google.com/run/docs/about-concurrency
"use strict";

const tools = "./node_modules/firebase-tools/lib/emulator";
const { RuntimeWorker, RuntimeWorkerPool, RuntimeWorkerState } = require(`${tools}/functionsRuntimeWorker.js`);
const { FunctionsEmulator } = require(`${tools}/functionsEmulator.js`);

const AT_ONCE = 4; // as `concurrency` in main.py; the functions framework has at least as many threads

const request = RuntimeWorker.prototype.request;
RuntimeWorker.prototype.request = async function sharedRequest(...given) {
  this.running = (this.running ?? 0) + 1;
  try {
    return await request.apply(this, given);
  } finally {
    this.running -= 1;
    if (this.running > 0 && this.state === RuntimeWorkerState.IDLE) {
      this.state = RuntimeWorkerState.BUSY;
    }
  }
};

const load = (worker) => worker.running ?? 0;

RuntimeWorkerPool.prototype.getIdleWorker = function leastLoaded(triggerId, runtime) {
  this.cleanUpWorkers();
  const ready = [RuntimeWorkerState.IDLE, RuntimeWorkerState.BUSY];
  const workers = this.getTriggerWorkers(triggerId, runtime).filter((worker) => ready.includes(worker.state));
  return workers.reduce((least, worker) => (least && load(least) <= load(worker) ? least : worker), undefined);
};

RuntimeWorkerPool.prototype.readyForWork = function hasRoom(triggerId, runtime) {
  const worker = this.getIdleWorker(triggerId, runtime);
  return worker !== undefined && load(worker) < AT_ONCE;
};

const starting = new Map(); // trigger id -> [{ worker: Promise, waiting: number }]
const startRuntime = FunctionsEmulator.prototype.startRuntime;
FunctionsEmulator.prototype.startRuntime = async function startOrWait(backend, trigger) {
  const starts = starting.get(trigger?.id) ?? [];
  starting.set(trigger?.id, starts);
  let start = starts.find((one) => one.waiting < AT_ONCE);
  if (!start) {
    start = { worker: startRuntime.call(this, backend, trigger), waiting: 0 };
    starts.push(start);
    const forget = () => starts.splice(starts.indexOf(start), 1);
    start.worker.then(forget, forget);
  }
  start.waiting += 1;
  return start.worker;
};
