const words = require("words");

require("http").createServer((request, response) => response.end(words)).listen(process.env.PORT);
