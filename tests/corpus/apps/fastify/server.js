import Fastify from "fastify";

const fastify = Fastify({ logger: true });
fastify.get("/", async () => "hello from fastify");
fastify.listen({ port: 3000 });
