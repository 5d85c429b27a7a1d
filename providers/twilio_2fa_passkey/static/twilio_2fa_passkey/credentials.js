// Turn what the server asks into what navigator.credentials takes, and its answer into JSON.
"use strict";

window.twilio2faPasskey = (function () {
  function decode(text) {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (c) => c.charCodeAt(0));
  }

  function encode(buffer) {
    const binary = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function decodeIds(credentials) {
    return (credentials || []).map((c) => ({ ...c, id: decode(c.id) }));
  }

  // `more`: further options, such as `mediation` and `signal`.
  function get(options, more) {
    const allowCredentials = decodeIds(options.allowCredentials);
    const publicKey = { ...options, challenge: decode(options.challenge), allowCredentials };
    return navigator.credentials.get({ publicKey, ...more });
  }

  function create(options) {
    const user = { ...options.user, id: decode(options.user.id) };
    const excludeCredentials = decodeIds(options.excludeCredentials);
    const publicKey = { ...options, challenge: decode(options.challenge), user, excludeCredentials };
    return navigator.credentials.create({ publicKey });
  }

  function asJSON(credential) {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = encode(credential.response[name]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return JSON.stringify({
      id: credential.id,
      rawId: encode(credential.rawId),
      type: credential.type,
      response: response,
      clientExtensionResults: {},
      authenticatorAttachment: credential.authenticatorAttachment || null,
    });
  }

  // The reason why this page cannot use passkeys; empty if it can.
  function problem() {
    if (!window.isSecureContext) return "insecure";
    return window.PublicKeyCredential ? "" : "unsupported";
  }

  return { get, create, asJSON, problem };
})();
// Where both scripts are swapped in, the other may come first.
document.dispatchEvent(new Event("twilio-2fa-passkey"));
