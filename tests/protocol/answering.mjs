// A half of the protocol behind a line of JSON each way: one command in, one answer out; an error by its code.

import { createInterface } from "node:readline";

/** Answer until nobody asks any more. @param {object} half whose methods are the commands */
export async function answerCommands(half) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...given } = JSON.parse(line);
    let answer;
    try {
      answer = await half[command](given);
    } catch (error) {
      answer = { error: error.code ?? String(error.stack) };
    }
    console.log(JSON.stringify(answer));
  }
}
