/** The words about what the people in a room tell each other in passing. */

const MOST_NAMED = 2;

export const signals = Object.freeze({
  writing: (names, count) => {
    if (count > MOST_NAMED) return "Several people are writing…";
    return `${names} ${count > 1 ? "are" : "is"} writing…`;
  },
  readBy: (names) => `Read by ${names}`,
  title: "Writing and reading",
  choices: { on: "Shown", off: "Not shown" },
  about: "When shown, you and the others in a room see who is writing and how far each has read. It is kept nowhere.",
});
