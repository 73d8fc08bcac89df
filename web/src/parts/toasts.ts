/** Toast messages. The component that shows them is loaded with the first message. */
import { useSyncExternalStore } from "react";

export interface Message {
  id: number;
  text: string;
  tone: "good" | "bad";
  action?: { label: string; run(): void };
}

let queue: Message[] = [];
let next = 1;
const watchers = new Set<() => void>();

export function say(text: string, more: Partial<Pick<Message, "tone" | "action">> = {}): void {
  queue = [...queue, { id: next++, text, tone: "good", ...more }];
  for (const watcher of watchers) watcher();
}

export function useMessages(): Message[] {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => queue,
  );
}
