// Preloaded into firebase-tools, which keeps its connections to a worker open and uses them again. The worker's server
// (gunicorn) closes a connection that was idle for two seconds. A request that is sent at that moment fails with "socket
// hang up": the caller gets a 500 without a body, and firebase-tools kills the worker with every other request in it. With
// this patch each request has a connection of its own.
"use strict";

const { TCPConn } = require("./node_modules/firebase-tools/lib/emulator/functionsEmulator.js");

const options = TCPConn.prototype.httpReqOpts;
TCPConn.prototype.httpReqOpts = function withOwnConnection() {
  return { ...options.call(this), agent: false };
};
