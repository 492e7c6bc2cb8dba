// Reads a GGUF file with llama.cpp and says how probable it finds given replies to given prompts.
// In, on standard input: {"model": path, "items": [{"text", "prompt_ids", "reply_ids"}]}. The package node-llama-cpp must be
// in NODE_LLAMA_CPP. Out, on standard output: one JSON line an item: {"same_prompt", "logprobs", "greedy_ids"}.
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import {readFileSync} from "node:fs";

const require = createRequire(process.env.NODE_LLAMA_CPP + "/");
const {getLlama} = await import(pathToFileURL(require.resolve("node-llama-cpp")));
const {model: modelPath, items} = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({gpu: false, build: "never", progressLogs: false, logLevel: "error"});
const model = await llama.loadModel({modelPath});
const longest = Math.max(...items.map((item) => item.prompt_ids.length + item.reply_ids.length));
const context = await model.createContext({contextSize: longest + 8, sequences: 1});
const sequence = context.getSequence();

for (const {text, prompt_ids: promptIds, reply_ids: replyIds} of items) {
    const tokens = model.tokenize(text, true);
    await sequence.clearHistory();
    const whole = [...promptIds, ...replyIds];
    const asked = {generateNext: {token: true, probabilities: true, options: {temperature: 0}}};
    const input = whole.slice(0, -1).map((id, place) => place < promptIds.length - 1 ? id : [id, asked]);
    const output = (await sequence.controlledEvaluate(input)).slice(promptIds.length - 1);
    process.stdout.write(JSON.stringify({
        same_prompt: tokens.length === promptIds.length && tokens.every((id, place) => id === promptIds[place]),
        logprobs: replyIds.map((id, place) => Math.log(output[place].next.probabilities.get(id) ?? 0)),
        greedy_ids: output.map(({next}) => next.token)
    }) + "\n");
}
process.exit(0);
