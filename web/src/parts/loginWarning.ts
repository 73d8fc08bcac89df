/** Logins at a bank fail: one dialog warns before Link opens, wherever the user asked for it. */
import type { InstitutionHealth } from "../bank";
import { kindOfQuestion } from "./question";

const question = kindOfQuestion<InstitutionHealth, boolean>();

/** Warns that a login would probably fail; the answer is whether the user wants to try it anyway. */
export const warnOfOutage = question.ask;
export const useOutageWarning = question.useQuestion;
