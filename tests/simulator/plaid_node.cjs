// Calls plaid-node's methods. Arguments: the simulator's address, a folder whose node_modules has `plaid`. Input: a JSON
// list of [method, request]. Output: a JSON list of {status, data}. In its strictest mode, axios throws on an answer
// that is not JSON instead of passing it on as text.
const [address, folder] = process.argv.slice(2);
const { readFileSync } = require("node:fs");
const { Configuration, PlaidApi } = require("node:module").createRequire(`${folder}/package.json`)("plaid");

async function main() {
  const headers = { "PLAID-CLIENT-ID": "any", "PLAID-SECRET": "any", "Plaid-Version": "2020-09-14" };
  const strict = { responseType: "json", transitional: { silentJSONParsing: false } };
  const api = new PlaidApi(new Configuration({ basePath: address, baseOptions: { headers, ...strict } }));
  const answers = [];
  for (const [method, request] of JSON.parse(readFileSync(0, "utf8"))) {
    const { status, data } = await api[method](request).catch((error) => {
      if (!error.response) throw error;
      return error.response;
    });
    answers.push({ status, data });
  }
  console.log(JSON.stringify(answers));
}

main();
