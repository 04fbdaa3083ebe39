const http = require("http");

http
  .createServer((request, response) => response.end("hello from node-fixed-port"))
  .listen(3000);
