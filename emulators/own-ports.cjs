// Preloaded into firebase-tools, which picks a free port for each worker a second or two before the worker binds it. Two
// workers that start at the same time, in one stack or two, could get the same port. The second one would fail to start,
// and its requests would reach the first one, which runs another function. So this patch reserves each port for the lifetime
// of this process by binding the UDP port of the same number, which nothing else here uses.
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
