const Koa = require("koa");

const app = new Koa();
app.use((context) => {
  context.body = "hello from pnpm";
});
app.listen(process.env.PORT || 3000);
