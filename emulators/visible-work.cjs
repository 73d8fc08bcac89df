// Preloaded into firebase-tools, which does not report what it is still working on. With this patch the statistics of the
// task queues (GET /queueStats) have an entry `work`: the requests to functions that have not ended, triggers included, and
// the tasks with the milliseconds until their next attempt. Tests wait for it before they delete what the functions stored.
"use strict";

const tools = "./node_modules/firebase-tools/lib/emulator";
const { WorkQueue } = require(`${tools}/workQueue.js`);
const { TaskQueueController } = require(`${tools}/tasksEmulator.js`);
const { TaskStatus } = require(`${tools}/taskQueue.js`);

const requests = new Set();
const start = WorkQueue.prototype.start;
WorkQueue.prototype.start = function observedStart() {
  requests.add(this);
  return start.call(this);
};

function millisecondsUntilNextAttempt({ status, lastRunTime, currentBackoff }) {
  const waits = status === TaskStatus.NOT_STARTED && lastRunTime !== null;
  return waits ? Math.max(0, lastRunTime + currentBackoff * 1000 - Date.now()) : 0;
}

function tasksOf({ queue, dispatches }) {
  const ended = [TaskStatus.FINISHED, TaskStatus.FAILED];
  return [...queue.getAll(), ...dispatches]
    .filter((one) => one !== null && !ended.includes(one.metadata.status))
    .map((one) => ({ name: one.task.name, due_in: millisecondsUntilNextAttempt(one.metadata) }));
}

const getStatistics = TaskQueueController.prototype.getStatistics;
TaskQueueController.prototype.getStatistics = function withWork() {
  const work = {
    requests: [...requests].flatMap((queue) => [...queue.getState().queuedWork, ...queue.getState().runningWork]),
    tasks: Object.values(this.queues).flatMap(tasksOf),
  };
  return { ...getStatistics.call(this), work };
};
