// Preloaded into firebase-tools, whose task queues poll once a second while idle, and continuously while they have tasks,
// even if all of them wait for a retry. With this patch they deliver at once, as Cloud Tasks does, and leave the
// processor to the functions.
"use strict";

const { TaskQueueController } = require("./node_modules/firebase-tools/lib/emulator/tasksEmulator.js");

TaskQueueController.LISTEN_TIMEOUT = 20; // milliseconds
TaskQueueController.UPDATE_TIMEOUT = 5;
