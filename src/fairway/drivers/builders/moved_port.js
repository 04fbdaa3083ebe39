// Makes a Node.js program with a fixed port in its code listen on PORT at HOST instead, so that several can run on one machine.
//
// `build_node` copies this file into the bundle and makes every Node.js that starts there load it first. FAIRWAY_MOVED_PORT is
// the port in the code.
"use strict";

const net = require("net");

const fixed = Number(process.env.FAIRWAY_MOVED_PORT);
const given = Number(process.env.PORT);

if (fixed && given && fixed !== given) {
  const listen = net.Server.prototype.listen;
  const isHere = (host) => host === "localhost" || host === "::1";
  net.Server.prototype.listen = function moved(first, ...rest) {
    if (first !== null && typeof first === "object" && Number(first.port) === fixed) {
      first = { ...first, port: given, ...(isHere(first.host) ? { host: process.env.HOST } : {}) };
    } else if (["number", "string"].includes(typeof first) && Number(first) === fixed) {
      first = given;
      if (isHere(rest[0])) rest[0] = process.env.HOST;
    }
    return listen.call(this, first, ...rest);
  };
}
