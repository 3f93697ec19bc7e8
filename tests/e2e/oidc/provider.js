// A certified OpenID Connect provider with two users, for one test. It prints its issuer, reads the address to return to from
// standard input, prints "ready", and ends when its input ends.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const USERS = {
  ana: { name: "Ana Lima", email: "ana@example.org", email_verified: true, groups: ["everybody", "ops"] },
  eve: { name: "Eve Adams", email: "eve@example.org", email_verified: false, groups: ["everybody"] },
};

function key(type, options, kid, alg) {
  return { ...generateKeyPairSync(type, options).privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}

function provider(issuer, client) {
  const made = new Provider(issuer, {
    clients: [{ ...client, grant_types: ["authorization_code"], response_types: ["code"] }],
    jwks: { keys: [key("rsa", { modulusLength: 2048 }, "r1", "RS256"), key("ec", { namedCurve: "P-256" }, "e1", "ES256")] },
    cookies: { keys: ["only for tests"] },
    claims: { openid: ["sub"], profile: ["name"], email: ["email", "email_verified"], groups: ["groups"] },
    pkce: { required: () => true },
    findAccount: (_, id) => (id in USERS ? { accountId: id, claims: () => ({ sub: id, ...USERS[id] }) } : undefined),
  });
  made.on("server_error", (_, error) => console.error(error));
  return made;
}

const input = createInterface({ input: process.stdin });
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  input.once("line", (line) => {
    server.on("request", provider(issuer, JSON.parse(line)).callback());
    console.log("ready");
  });
  input.on("close", () => process.exit(0));
  console.log(issuer);
});
