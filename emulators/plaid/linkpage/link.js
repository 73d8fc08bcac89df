/**
 * The page of the simulated Link. It runs in the iframe of link-initialize.js, or alone as Hosted Link, and passes the
 * user's actions to the simulator's control API (/_sim/link/...).
 */
(() => {
  "use strict";

  const asked = new URLSearchParams(window.location.search);
  const token = asked.get("token");
  const hosted = window.parent === window;
  const api = `/_sim/link/${encodeURIComponent(token)}`;
  const panes = ["consent", "choose", "login", "select", "failed", "finished"];
  const at = (id) => document.getElementById(id);

  let session = null;
  let bank = null;
  let lastError = null;

  async function call(step, body) {
    const answer = await fetch(`${api}/${step}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const result = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(result.error), { plaid: result });
    return result;
  }

  function tell(type, more) {
    if (!hosted) window.parent.postMessage({ type, ...more }, asked.get("origin"));
  }

  function event(name, more) {
    const metadata = { link_session_id: session?.link_session_id ?? "", timestamp: new Date().toISOString(), ...more };
    tell("event", { name, metadata });
  }

  function show(pane) {
    for (const id of panes) at(id).hidden = id !== pane;
    at(pane).querySelector("input, button")?.focus();
    event("TRANSITION_VIEW", { view_name: { consent: "CONSENT", choose: "SELECT_INSTITUTION", login: "CREDENTIAL",
      select: "SELECT_ACCOUNT", failed: "ERROR", finished: "CONNECTED" }[pane] });
  }

  function fail(error) {
    lastError = error.plaid?.error_code ? error.plaid : { error_code: "INTERNAL_SERVER_ERROR", error: error.message };
    at("reason").textContent = lastError.error;
    event("ERROR", { error_code: lastError.error_code, error_message: lastError.error });
    show("failed");
  }

  function fill(className, text) {
    for (const element of document.getElementsByClassName(className)) element.textContent = text;
  }

  async function open() {
    event("OPEN");
    lastError = null;
    try {
      const state = asked.get("oauth_state_id");
      session = await call("begin", state ? { oauth_state_id: state } : {});
    } catch (error) {
      return fail(error);
    }
    fill("client", session.client_name);
    at("username").value = session.username ?? "";
    at("password").value = session.password ?? "";
    if (session.accounts) return accounts(session.accounts);
    if (session.update) return choose(session.institutions[0]);
    banks("");
    return show("consent");
  }

  function banks(query) {
    const words = query.toLowerCase().split(/\s+/);
    const found = session.institutions.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
    at("banks").replaceChildren(
      ...found.map((institution) => {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: institution.name });
        button.dataset.institutionId = institution.institution_id;
        button.addEventListener("click", () => choose(institution));
        const row = document.createElement("li");
        row.append(button);
        return row;
      }),
    );
  }

  function choose(institution) {
    bank = institution;
    event("SELECT_INSTITUTION", { institution_id: bank.institution_id, institution_name: bank.name });
    fill("bank", bank.name);
    at("wrong").hidden = true;
    show("login");
  }

  async function logIn(submitted) {
    submitted.preventDefault();
    at("submit").disabled = true;
    event("SUBMIT_CREDENTIALS", { institution_id: bank.institution_id, institution_name: bank.name });
    try {
      const done = await call("log_in", {
        link_session_id: session.link_session_id,
        institution_id: bank.institution_id,
        username: at("username").value,
        password: at("password").value,
      });
      if (done.redirect_uri && !hosted) return tell("redirect", { url: done.redirect_uri });
      if (session.update && !session.account_selection) return await agree(null);
      accounts(done.accounts);
    } catch (error) {
      if (!error.plaid?.error_code) return fail(error);
      lastError = error.plaid;
      at("wrong").textContent = error.plaid.display_message ?? error.plaid.error;
      at("wrong").hidden = false;
      event("ERROR", { error_code: lastError.error_code, error_message: lastError.error });
    } finally {
      at("submit").disabled = false;
    }
  }

  function accounts(found) {
    at("accounts").replaceChildren(
      ...found.map((account) => {
        const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
        box.value = account.account_id;
        const label = document.createElement("label");
        const { current, iso_currency_code: iso, unofficial_currency_code: other } = account.balances;
        const about = Object.assign(document.createElement("small"), {
          textContent: `••${account.mask ?? ""} ${current ?? ""} ${iso ?? other ?? ""}`,
        });
        label.append(box, account.name, about);
        const row = document.createElement("li");
        row.append(label);
        return row;
      }),
    );
    at("accounts").onchange = () => {
      at("share").disabled = chosen().length === 0;
    };
    at("share").disabled = false;
    show("select");
  }

  const chosen = () => [...at("accounts").querySelectorAll("input:checked")].map((box) => box.value);

  async function agree(accountIds) {
    try {
      const { public_token, metadata } = await call("agree", {
        link_session_id: session.link_session_id,
        account_ids: accountIds,
      });
      event("HANDOFF", { institution_id: metadata.institution.institution_id, institution_name: metadata.institution.name });
      tell("success", { public_token, metadata });
      finish();
    } catch (error) {
      fail(error);
    }
  }

  async function exit() {
    const status = at("login").hidden ? (at("choose").hidden ? "" : "institution_not_found") : "requires_credentials";
    const error = lastError && {
      error_type: lastError.error_type ?? "INVALID_INPUT",
      error_code: lastError.error_code,
      error_message: lastError.error,
      display_message: lastError.display_message ?? null,
    };
    let metadata = { institution: null, status, link_session_id: "", request_id: "" };
    if (session) {
      const body = { link_session_id: session.link_session_id, status };
      if (error) body.error_code = error.error_code;
      metadata = (await call("leave", body).catch(() => ({ metadata }))).metadata;
      if (bank) metadata.institution = { institution_id: bank.institution_id, name: bank.name };
    }
    event("EXIT", { exit_status: status });
    tell("exit", { error, metadata });
    finish();
  }

  function finish() {
    const back = session?.completion_redirect_uri;
    session = bank = lastError = null;
    if (!hosted) return;
    if (back) window.location.assign(back);
    else show("finished");
  }

  at("continue").addEventListener("click", () => show("choose"));
  at("search").addEventListener("input", () => banks(at("search").value));
  at("credentials").addEventListener("submit", logIn);
  at("share").addEventListener("click", () => agree(chosen()));
  at("leave").addEventListener("click", exit);
  at("close").addEventListener("click", exit);
  document.addEventListener("keydown", ({ key }) => key === "Escape" && exit());
  window.addEventListener("message", ({ data, source, origin }) => {
    if (source !== window.parent || origin !== asked.get("origin") || data?.to !== "plaid-link") return;
    if (data.type === "open") open();
    if (data.type === "exit") exit();
  });

  document.querySelector("main").hidden = false; // only now: a click on a button without its listener would be lost
  if (hosted) open();
  else tell("ready");
})();
