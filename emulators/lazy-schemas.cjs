// Preloaded into firebase-tools, whose Auth emulator compiles a validator for every parameter, body and answer of the
// whole Identity Toolkit API before it answers the first request: eight seconds of CPU for each start of a stack. With
// this patch it compiles each of them when a request first needs it, an option of its library that it does not set.
"use strict";

const exegesis = require("./node_modules/exegesis");

const compileApi = exegesis.compileApi;
exegesis.compileApi = function compileLazily(document, options, ...rest) {
  return compileApi(document, { ...options, lazyCompileValidationSchemas: true }, ...rest);
};
