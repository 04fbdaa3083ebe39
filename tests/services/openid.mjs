// A certified OpenID provider for tests. Whoever signs in is believed; groups are what stands after a “+”: “grace+dev+ops”.
import Provider from 'oidc-provider';

const port = Number(process.argv[2]);
const groups = new Map(); // by person, as of their last sign-in
const scopes = ['openid', 'email', 'profile', 'groups'];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'], groups: ['groups'] },
  scopes,
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false }, registration: { enabled: true } },
  conformIdTokenClaims: true, // claims of a person come from the userinfo endpoint, as with most providers
  cookies: { keys: ['only for tests'] },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(ctx, id) {
    const claims = { email: `${id}@example.com`, email_verified: true, name: `${id} of the company`, preferred_username: id };
    return { accountId: id, claims: async () => ({ sub: id, ...claims, groups: groups.get(id) }) };
  },
  async loadExistingGrant(ctx) { // nobody is asked for consent
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope(scopes.join(' '));
    await grant.save();
    return grant;
  },
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  if (ctx.method === 'GET') {
    ctx.type = 'html';
    ctx.body = `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>The company</title><h1>The company</h1>
      <form method="post"><label>Who are you? <input name="who"></label><button>Sign in there</button></form></html>`;
    return;
  }
  let body = '';
  for await (const part of ctx.req) body += part;
  const [accountId, ...theirs] = new URLSearchParams(body).get('who').split('+');
  groups.set(accountId, theirs);
  ctx.respond = false;
  await provider.interactionFinished(ctx.req, ctx.res, { login: { accountId } }, { mergeWithLastSubmission: false });
});

provider.listen(port, '127.0.0.1');
