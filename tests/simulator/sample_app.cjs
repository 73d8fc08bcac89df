// The calls of Plaid's sample application in Node, in the same order: a link token with `access_token: null`, an exchange,
// a sync from the cursor null in pages of 100, the accounts; then update mode with an empty list of products.
// Arguments: the simulator's address, a folder whose node_modules has `plaid`. Output: what the application would store.
const [address, folder] = process.argv.slice(2);
const { Configuration, PlaidApi } = require("node:module").createRequire(`${folder}/package.json`)("plaid");

const control = async (path, body) =>
  (await fetch(`${address}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) })).json();

async function read(api, accessToken, lastCursor) {
  const found = { added: [], modified: [], removed: [] };
  let [cursor, hasMore] = [lastCursor, true];
  while (hasMore) {
    const { data } = await api.transactionsSync({ access_token: accessToken, cursor, count: 100 });
    for (const kind of Object.keys(found)) found[kind] = found[kind].concat(data[kind]);
    hasMore = data.has_more;
    cursor = data.next_cursor;
  }
  const { accounts } = (await api.accountsGet({ access_token: accessToken })).data;
  return { ...found, cursor, accounts };
}

async function main() {
  const headers = { "PLAID-CLIENT-ID": "any", "PLAID-SECRET": "any", "Plaid-Version": "2020-09-14" };
  const api = new PlaidApi(new Configuration({ basePath: address, baseOptions: { headers } }));
  const asked = {
    user: { client_user_id: "uniqueId7" },
    client_name: "Pattern",
    country_codes: ["US"],
    language: "en",
  };
  const link = await api.linkTokenCreate({ ...asked, products: ["transactions"], access_token: null });
  const session = await control(`link/${link.data.link_token}/finish`, {});
  const exchanged = (await api.itemPublicTokenExchange({ public_token: session.public_token })).data;
  const token = exchanged.access_token;
  const first = await read(api, token, null); // the history is not ready yet
  await control("clock", { advance_seconds: 600 });
  const second = await read(api, token, first.cursor); // as its webhook handler does
  const institution = await api.institutionsGetById({
    institution_id: session.metadata.institution.institution_id,
    country_codes: ["US"],
    options: { include_optional_metadata: true },
  });
  const reset = (await api.sandboxItemResetLogin({ access_token: token })).data.reset_login;
  const update = await api.linkTokenCreate({ ...asked, products: [], access_token: token });
  await control(`link/${update.data.link_token}/finish`, {});
  const third = await read(api, token, second.cursor);
  console.log(
    JSON.stringify({
      item_id: exchanged.item_id,
      first: first.added.length,
      rows: second.added,
      accounts: second.accounts,
      color: institution.data.institution.primary_color,
      reset,
      third: third.added.length,
    }),
  );
}

main();
