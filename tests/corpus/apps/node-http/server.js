const http = require("http");

http
  .createServer((request, response) => response.end("hello from node-http"))
  .listen(process.env.PORT || 3000);
