// Loaded into firebase-tools before anything else. Its task queues look for work once a second while they are idle, and
// without a pause while they are not, also if all there is waits for its next attempt. Cloud Tasks delivers at once; so
// do these now, and leave the processor to the functions.
"use strict";

const { TaskQueueController } = require("./node_modules/firebase-tools/lib/emulator/tasksEmulator.js");

TaskQueueController.LISTEN_TIMEOUT = 20; // milliseconds
TaskQueueController.UPDATE_TIMEOUT = 5;
