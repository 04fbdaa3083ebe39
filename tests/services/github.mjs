// GitHub for tests: Vercel's emulator, whose API is reached below /api/v3, as on a company's own server.
import http from 'node:http';
import { createEmulator } from 'emulate';

const [port, inner] = process.argv.slice(2).map(Number);
const apps = [{ client_id: 'fairway', client_secret: 'secret-of-github', name: 'Fairway', redirect_uris: [process.argv[4]] }];
await createEmulator({
  service: 'github', port: inner,
  seed: {
    github: {
      users: [{ login: 'Ada', name: 'Ada Lovelace', email: 'ada@example.com' }],
      oauth_apps: apps,
    },
  },
});

http.createServer((asked, answer) => {
  const path = asked.url.replace(/^\/api\/v3(?=\/)/, '');
  const there = http.request({ port: inner, path, method: asked.method, headers: asked.headers }, (found) => {
    answer.writeHead(found.statusCode, found.headers);
    found.pipe(answer);
  });
  there.on('error', () => answer.writeHead(502).end());
  asked.pipe(there);
}).listen(port, '127.0.0.1');
