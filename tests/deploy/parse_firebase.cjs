// Reads with firebase-tools' own code, and calls nothing.
//   node parse_firebase.cjs commands < calls.json      prints the calls that its commands do not know
//   node parse_firebase.cjs manifest < manifest.json   prints the functions as it would deploy them
//   node parse_firebase.cjs validate < manifest.json   prints why it would refuse them, if it would
//   node parse_firebase.cjs variables < where.json     prints the variables that it would give them
//   node parse_firebase.cjs discover < where.json      starts main.py as a deploy does, prints the functions' regions
const path = require("path");
const tools = path.join(__dirname, "../../emulators/node_modules/firebase-tools");
const input = JSON.parse(require("fs").readFileSync(0, "utf8"));

const GLOBAL = ["--project", "--config", "--non-interactive", "--json", "--account", "--debug"];

function commands(calls) {
  const client = require(path.join(tools, "lib/index.js"));
  return calls.filter(([name, ...rest]) => {
    const command = client.getCommand(name);
    if (!command) return true;
    const known = [...GLOBAL, ...command.options.map((option) => option.long)];
    return rest.some((word) => word.startsWith("--") && !known.includes(word));
  });
}

async function read({ yaml, project, region }) {
  const { yamlToBuild } = require(path.join(tools, "lib/deploy/functions/runtimes/discovery/index.js"));
  const build = require(path.join(tools, "lib/deploy/functions/build.js"));
  const parsed = yamlToBuild(yaml, project, region, "python313");
  const firebaseConfig = { projectId: project, storageBucket: "", locationId: "", databaseURL: "" };
  const { backend } = await build.resolveBackend({
    build: parsed, firebaseConfig, userEnvs: {}, nonInteractive: true, isEmulator: false,
  });
  return backend;
}

async function manifest(given) {
  return (await read(given)).endpoints;
}

async function validate(given) {
  const { endpointsAreValid } = require(path.join(tools, "lib/deploy/functions/validate.js"));
  try {
    endpointsAreValid(await read(given), { endpoints: {} });
    return { refused: null };
  } catch (error) {
    return { refused: error.message };
  }
}

function variables({ project, folder }) {
  const root = path.join(__dirname, "../..");
  const { loadUserEnvs } = require(path.join(tools, "lib/functions/env.js"));
  return loadUserEnvs({ functionsSource: root, projectDir: root, configDir: folder, projectId: project });
}

async function discover({ project, folder }) {
  const root = path.join(__dirname, "../..");
  const { loadCodebases } = require(path.join(tools, "lib/deploy/functions/prepare.js"));
  const codebases = [{ source: ".", codebase: "bank", runtime: "python313", configDir: folder }];
  const options = { projectId: project, config: { path: (one) => path.resolve(root, one), projectDir: root } };
  const { bank } = await loadCodebases(codebases, options, { projectId: project }, {});
  return [...new Set(Object.values(bank.endpoints).flatMap((one) => one.region))];
}

Promise.resolve({ commands, manifest, validate, variables, discover }[process.argv[2]](input)).then(
  (answer) => process.stdout.write(`\n${JSON.stringify(answer)}`, () => process.exit(0)),
  (error) => { console.error(error); process.exit(1); },
);
