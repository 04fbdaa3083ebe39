const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("hello from express-exported"));

module.exports = app;
