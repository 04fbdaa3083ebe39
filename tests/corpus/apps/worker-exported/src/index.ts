import { Hono } from "hono";

const app = new Hono();
app.get("/", (c) => c.text("hello from worker-exported"));

export default app;
