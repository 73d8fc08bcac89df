// The main flow through plaid-node. Arguments: the simulator's address, and a folder whose node_modules has `plaid`.
const [address, folder] = process.argv.slice(2);
const { Configuration, PlaidApi } = require("node:module").createRequire(`${folder}/package.json`)("plaid");

async function main() {
  const headers = { "PLAID-CLIENT-ID": "any", "PLAID-SECRET": "any" };
  const api = new PlaidApi(new Configuration({ basePath: address, baseOptions: { headers } }));
  const link = await api.linkTokenCreate({
    client_name: "An app",
    language: "en",
    country_codes: ["US"],
    user: { client_user_id: "user-1" },
    products: ["transactions"],
  });
  const made = await api.sandboxPublicTokenCreate({
    institution_id: "ins_109508",
    initial_products: ["transactions"],
    options: { override_username: "user_generated", override_password: JSON.stringify({ transactions: 70 }) },
  });
  const { access_token } = (await api.itemPublicTokenExchange({ public_token: made.data.public_token })).data;
  await fetch(`${address}/_sim/clock`, { method: "POST", body: JSON.stringify({ advance_seconds: 10 }) });
  let cursor;
  let more = true;
  const ids = new Set();
  while (more) {
    const page = (await api.transactionsSync({ access_token, cursor, count: 30 })).data;
    page.added.forEach((row) => ids.add(row.transaction_id));
    cursor = page.next_cursor;
    more = page.has_more;
  }
  const accounts = (await api.accountsGet({ access_token })).data.accounts.length;
  const listed = (await api.statementsList({ access_token })).data.accounts.flatMap((account) => account.statements);
  const wanted = { access_token, statement_id: listed[0].statement_id };
  const downloaded = await api.statementsDownload(wanted, { responseType: "arraybuffer" });
  const pdf = downloaded.data.toString("latin1", 0, 4);
  await api.itemRemove({ access_token });
  const gone = await api.itemGet({ access_token }).catch((error) => error.response.data.error_code);
  console.log(JSON.stringify({ link: link.data.link_token.slice(0, 13), rows: ids.size, accounts, pdf, gone }));
}

main();
