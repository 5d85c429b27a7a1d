// Use everything of Verify through Twilio's own Node.js library, and print each request with what a validating
// proxy in between says of it. Called with the address of the proxy and the address of the sandbox behind it.
"use strict";

const crypto = require("crypto");
const twilio = require("twilio");

const [proxy, sandbox] = process.argv.slice(2);
const TO = "+12025550143";
const IDENTITY = "ann-12345678";
const seen = [];

// The library's own HTTP client, which notes what it was answered.
const client = twilio("AC" + "1".repeat(32), "any-token");
const sends = client.httpClient.request.bind(client.httpClient);
client.httpClient.request = async (options) => {
  // The addresses of further pages lead past the proxy.
  options.uri = options.uri.replace(sandbox, proxy);
  const answer = await sends(options);
  const violations = answer.headers ? answer.headers["sl-violations"] : undefined;
  const url = new URL(options.uri);
  seen.push({
    method: options.method.toUpperCase(),
    origin: url.origin,
    path: url.pathname,
    status: answer.statusCode,
    violations: violations ? JSON.parse(violations) : [],
    fields: answer.headers ? answer.headers["twilio-verify-signature-fields"] : undefined,
    body: answer.statusCode < 400 ? undefined : answer.body,
  });
  return answer;
};
client.verify.baseUrl = proxy;
const verify = client.verify.v2;

async function code() {
  const answer = await fetch(`${sandbox}/sandbox/messages.json?to=${encodeURIComponent(TO)}`);
  return (await answer.json())[0].code;
}

async function services() {
  const one = await verify.services.create({ friendlyName: "Owl Bank", codeLength: 8 });
  await verify.services(one.sid).fetch();
  await verify.services(one.sid).update({ lookupEnabled: true });
  await verify.services.create({ friendlyName: "Another" });
  if ((await verify.services.list({ pageSize: 1 })).length !== 2) throw new Error("Two services are there.");
  await verify.services(one.sid).remove();
}

async function verifications(service) {
  const sent = await service.verifications.create({ to: TO, channel: "sms", rateLimits: { address: "x" } });
  await service.verifications(sent.sid).fetch();
  await service.verificationChecks.create({ to: TO, code: "000000" });
  await service.verificationChecks.create({ to: TO, code: await code() });
  const mail = await service.verifications.create({ to: "ann@example.com", channel: "email" });
  await service.verifications(mail.sid).update({ status: "canceled" });
  const silent = await service.verifications.create({ to: "+12025550144", channel: "sna" });
  await service.verificationChecks.create({ to: "+12025550144" });
  await fetch(silent.sna.url);
  await service.verificationChecks.create({ to: "+12025550144" });
  await service.verifications.create({ to: "+12025550145", channel: "auto" });
  const attempts = await verify.verificationAttempts.list({ pageSize: 1 });
  await verify.verificationAttempts(attempts[0].sid).fetch();
  await verify.verificationAttemptsSummary().fetch({ verifyServiceSid: sent.serviceSid });
  await verify.templates.list();
  await verify.forms("form-push").fetch();
  await verify.safelist.create({ phoneNumber: TO });
  await verify.safelist(TO).fetch();
  await verify.safelist(TO).remove();
}

async function settings(service) {
  const limit = await service.rateLimits.create({ uniqueName: "address", description: "By IP" });
  await service.rateLimits(limit.sid).fetch();
  await service.rateLimits(limit.sid).update({ description: "By address" });
  const buckets = service.rateLimits(limit.sid).buckets;
  const bucket = await buckets.create({ max: 5, interval: 60 });
  await buckets(bucket.sid).fetch();
  await buckets(bucket.sid).update({ max: 6 });
  await buckets.list();
  await buckets(bucket.sid).remove();
  await service.rateLimits.list();
  const messaging = service.messagingConfigurations;
  await messaging.create({ country: "CA", messagingServiceSid: "MG" + "1".repeat(32) });
  await messaging("CA").fetch();
  await messaging("CA").update({ messagingServiceSid: "MG" + "2".repeat(32) });
  await messaging.list();
  await messaging("CA").remove();
  const hook = { friendlyName: "site", eventTypes: ["*"], webhookUrl: `${sandbox}/sandbox/hook` };
  const webhook = await service.webhooks.create(hook);
  await service.webhooks(webhook.sid).fetch();
  await service.webhooks(webhook.sid).update({ eventTypes: ["factor.created", "challenge.approved"] });
  await service.webhooks.list();
  await service.webhooks(webhook.sid).remove();
  await service.rateLimits(limit.sid).remove();
}

async function push(service) {
  const keys = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const entity = service.entities(IDENTITY);
  await service.entities.create({ identity: IDENTITY });
  await entity.fetch();
  await service.entities.list();
  const token = await service.accessTokens.create({ identity: IDENTITY, factorType: "push", ttl: 120 });
  await service.accessTokens(token.sid).fetch();
  const factor = await entity.newFactors.create({
    friendlyName: "Ann's phone",
    factorType: "push",
    "binding.alg": "ES256",
    "binding.publicKey": keys.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    "config.appId": "com.example.app",
    "config.notificationPlatform": "none",
    "config.sdkVersion": "1.0",
    metadata: { os: "Android" },
  });
  const payload = crypto.sign("sha256", Buffer.from(factor.sid), keys.privateKey).toString("base64");
  const found = await entity.factors(factor.sid).update({ authPayload: payload });
  if (found.status !== "verified") throw new Error("The factor is verified.");
  await entity.factors(factor.sid).fetch();
  await entity.factors.list();
  const asked = await entity.challenges.create({
    factorSid: factor.sid,
    "details.message": "Sign in?",
    "details.fields": [{ label: "Place", value: "Rome" }],
    hiddenDetails: { ip: "192.0.2.1" },
    expirationDate: new Date(Date.now() + 600000),
  });
  await entity.challenges(asked.sid).notifications.create({ ttl: 60 });
  await entity.challenges(asked.sid).fetch();
  const { fields } = seen.at(-1);
  const answer = await fetch(`${sandbox}/v2/Services/${factor.serviceSid}/Entities/${IDENTITY}/Challenges/${asked.sid}`, {
    headers: { Authorization: "Basic " + Buffer.from(`AC${"1".repeat(32)}:any-token`).toString("base64") },
  });
  const body = await answer.json();
  const signed = Object.fromEntries(fields.split(",").map((name) => [name, body[name]]));
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ typ: "JWT", alg: "ES256" })}.${part({ ...signed, status: "approved" })}`;
  const key = { key: keys.privateKey, dsaEncoding: "ieee-p1363" };
  const jwt = `${text}.${crypto.sign("sha256", Buffer.from(text), key).toString("base64url")}`;
  const approved = await entity.challenges(asked.sid).update({ authPayload: jwt });
  if (approved.status !== "approved") throw new Error("The challenge is approved.");
  await entity.challenges.list({ status: "approved", order: "desc" });
  await entity.factors(factor.sid).remove();
  await entity.newFactors.create({ friendlyName: "Ann", factorType: "totp", "config.codeLength": 8 });
  await entity.remove();
}

// CBOR, as far as a passkey needs it.
function cbor(value) {
  const head = (major, n) =>
    n < 24 ? Buffer.from([(major << 5) | n]) : n < 256
      ? Buffer.from([(major << 5) | 24, n])
      : Buffer.from([(major << 5) | 25, n >> 8, n & 255]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (typeof value === "number") return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === "string") return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  const parts = [...value].flatMap(([name, inner]) => [cbor(name), cbor(inner)]);
  return Buffer.concat([head(5, value.size), ...parts]);
}

async function passkeys(service) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const sha256 = (data) => crypto.createHash("sha256").update(data).digest();
  const data = (flags, counter) => Buffer.concat([sha256("example.com"), Buffer.from([flags, 0, 0, 0, counter])]);
  const clientData = (type, challenge) =>
    Buffer.from(JSON.stringify({ type, challenge, origin: "https://example.com" }));
  const id = crypto.randomBytes(16);
  const credential = (response) => ({
    id: id.toString("base64url"),
    rawId: id.toString("hex"),
    authenticatorAttachment: "platform",
    type: "public-key",
    response: Object.fromEntries(Object.entries(response).map(([name, v]) => [name, v.toString("base64url")])),
  });

  const relyingParty = { id: "example.com", name: "Example", origins: ["https://example.com"] };
  const factor = await service.newFactors.create({
    friendly_name: "Laptop",
    identity: "bob-12345678",
    config: { relying_party: relyingParty, user_verification: "preferred" },
  });
  const cose = cbor(new Map([[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(x, "base64url")], [-3, Buffer.from(y, "base64url")]]));
  const authData = Buffer.concat([data(0x45, 1), Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]);
  const attestationObject = cbor(new Map([["fmt", "none"], ["attStmt", new Map()], ["authData", authData]]));
  const clientDataJSON = clientData("webauthn.create", factor.options.publicKey.challenge);
  await service.newVerifyFactors.update(credential({ attestationObject, clientDataJSON }));
  const asked = await service.newChallenge().create({ identity: "bob-12345678" });
  const client = clientData("webauthn.get", asked.options.publicKey.challenge);
  const authenticatorData = data(0x05, 2);
  const signature = crypto.sign("sha256", Buffer.concat([authenticatorData, sha256(client)]), privateKey);
  const answer = credential({ authenticatorData, clientDataJSON: client, signature });
  const approved = await service.approveChallenge.update(answer);
  if (approved.status !== "approved") throw new Error("The passkey is approved.");
}

async function main() {
  const { sid } = await verify.services.create({ friendlyName: "Everything" });
  const service = verify.services(sid);
  await service.remove();
  await services();
  const used = verify.services("VA" + "2".repeat(32));
  await settings(used);
  await verifications(used);
  await push(used);
  await passkeys(used);
}

main().then(
  () => console.log(JSON.stringify(seen)),
  (error) => {
    console.error(JSON.stringify(seen.at(-1)), error);
    process.exit(1);
  },
);
