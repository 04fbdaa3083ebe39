const ms = require("ms");

require("http").createServer((request, response) => response.end(`hello from yarn after ${ms(2000)}`)).listen(process.env.PORT);
