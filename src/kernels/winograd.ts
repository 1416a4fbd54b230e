/** Winograd's algorithm: loaded with the first op of a device that uses it, see `loading.ts`. */
export { chooseWinograd } from "./conv2d/winograd/choice.ts";
