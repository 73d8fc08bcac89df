// Loaded into firebase-tools before anything else. It looks for a free port for each worker, which takes it a second or
// two later: two that start at the same time, of one stack or of two, could be given the same. The second one then fails
// to start, and what is asked of it goes to the first, which is another function. So a port is reserved, for as long as
// this process lives, by its number among the UDP ports: nothing of ours uses those.
"use strict";

const dgram = require("node:dgram");
const portfinder = require("./node_modules/portfinder");

const freePort = portfinder.getPortPromise.bind(portfinder);

function reserved(port) {
  return new Promise((resolve) => {
    const socket = dgram.createSocket("udp4");
    socket.once("error", () => resolve(false));
    socket.bind({ port, address: "127.0.0.1", exclusive: true }, () => {
      socket.unref();
      resolve(true);
    });
  });
}

portfinder.getPortPromise = async function getPortPromise(options) {
  let port = await freePort(options);
  while (!(await reserved(port))) {
    port = await freePort({ ...options, port: port + 1 });
  }
  return port;
};
