const http = require("http");

http
  .createServer((request, response) => response.end("hello from node-no-script"))
  .listen(process.env.PORT || 3000);
