/**
 * A replacement for Plaid's link-initialize.js with the same interface:
 * Plaid.create({token, onSuccess, onExit, onEvent, onLoad, receivedRedirectUri}) -> {open, exit, destroy}.
 * Source: plaid.com/docs/link/web. Link itself is a page of the simulator in an iframe.
 */
(() => {
  "use strict";

  const origin = new URL(document.currentScript.src).origin;
  const nothing = () => {};

  function pageUrl(config) {
    const url = new URL("/link/v2/stable/link.html", origin);
    url.searchParams.set("token", config.token);
    url.searchParams.set("origin", window.location.origin);
    if (config.receivedRedirectUri) {
      const state = new URL(config.receivedRedirectUri).searchParams.get("oauth_state_id");
      url.searchParams.set("oauth_state_id", state || "");
    }
    return url.href;
  }

  function create(config) {
    if (!config || typeof config.token !== "string" || typeof config.onSuccess !== "function") {
      throw new Error("Plaid.create needs a token and onSuccess");
    }
    const frame = document.createElement("iframe");
    frame.id = "plaid-link-iframe-" + Math.random().toString(36).slice(2);
    frame.title = "Plaid Link";
    frame.src = pageUrl(config);
    frame.style.cssText =
      "position:fixed;inset:0;width:100%;height:100%;border:0;z-index:9999999999;display:none;color-scheme:light";

    let ready = false;
    let wanted = null;

    const tell = (type, more) => frame.contentWindow.postMessage({ to: "plaid-link", type, ...more }, origin);
    const hide = () => {
      frame.style.display = "none";
    };

    function receive(message) {
      if (message.origin !== origin || message.source !== frame.contentWindow) return;
      const { type, error, metadata, name, public_token: publicToken, url } = message.data;
      if (type === "ready") {
        ready = true;
        (config.onLoad || nothing)();
        if (wanted) tell(wanted);
        wanted = null;
      } else if (type === "event") {
        (config.onEvent || nothing)(name, metadata);
      } else if (type === "success") {
        hide();
        config.onSuccess(publicToken, metadata);
      } else if (type === "exit") {
        hide();
        (config.onExit || nothing)(error, metadata);
      } else if (type === "redirect") {
        window.location.assign(url);
      }
    }

    const ask = (type) => (ready ? tell(type) : (wanted = type));

    window.addEventListener("message", receive);
    const attach = () => document.body.appendChild(frame);
    if (document.body) attach();
    else document.addEventListener("DOMContentLoaded", attach, { once: true });

    return {
      open() {
        frame.style.display = "block";
        ask("open");
      },
      exit(options, callback) {
        ask("exit");
        (callback || nothing)();
      },
      destroy() {
        window.removeEventListener("message", receive);
        frame.remove();
      },
    };
  }

  window.Plaid = { create, version: "simulator" };
})();
