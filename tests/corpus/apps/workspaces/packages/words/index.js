module.exports = "hello from workspaces";
