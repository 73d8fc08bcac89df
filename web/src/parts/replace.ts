/** A new link could replace several dead connections: one dialog asks which, wherever Link was opened. */
import type { BankConnection } from "../bank";
import { kindOfQuestion } from "./question";

const question = kindOfQuestion<BankConnection[], string | null>();

/** Asks which connection the new one replaces; the answer is null if the user wants to replace none. */
export const askWhichToReplace = question.ask;
export const useReplaceQuestion = question.useQuestion;
