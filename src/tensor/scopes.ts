/** Scopes free the tensors that were made inside them: the memory management of work without gradients. */
import { type Claim, Tensor } from "./tensor.ts";

export class ScopeStack {
  #stack: Set<Claim>[] = [];

  /** Notes a new tensor in the innermost scope. */
  add(claim: Claim): void {
    this.#stack.at(-1)?.add(claim);
  }

  /** Lets a new tensor live as long as another one: a gradient goes with its leaf, whichever scope computed it. */
  tie(claim: Claim, owner: Claim): void {
    this.#stack.at(-1)?.delete(claim);
    if (owner.kept) claim.kept = true;
    else this.#stack.find((scope) => scope.has(owner))?.add(claim);
  }

  /** Runs `fn` and frees what was made in it, save kept tensors and those that its result holds (also in arrays, plain objects, maps and sets). */
  run<T>(fn: () => T): T {
    const made = new Set<Claim>();
    this.#stack.push(made);
    let result: T;
    try {
      result = fn();
      if (result instanceof Promise) {
        throw new Error("[scope] 'fn' must be synchronous; return the tensors and await their data outside");
      }
    } catch (error) {
      this.#close(made, new Set());
      throw error;
    }
    const survivors = new Set<Claim>();
    collect(result, survivors, new Set());
    this.#close(made, survivors);
    return result;
  }

  #close(made: Set<Claim>, survivors: ReadonlySet<Claim>): void {
    this.#stack.pop();
    for (const claim of made) {
      if (claim.kept) continue;
      if (survivors.has(claim)) this.add(claim);
      else claim.release("gpu.scope()");
    }
  }
}

/** The claims of all tensors in a value made of arrays, plain objects, maps and sets. */
function collect(value: unknown, claims: Set<Claim>, seen: Set<unknown>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) {
    claims.add(value.claim);
    if (value.grad) claims.add(value.grad.claim);
    return;
  }
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  const isCollection = value instanceof Map || value instanceof Set;
  for (const member of isCollection ? value.values() : isPlain ? Object.values(value) : []) {
    collect(member, claims, seen);
  }
}
