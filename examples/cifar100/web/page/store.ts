/** One state, changed by actions only. */

export interface Store<State, Action> {
  readonly state: State;
  dispatch(action: Action): void;
  /** `listener` is called after each change. @returns what ends that */
  subscribe(listener: (state: State) => void): () => void;
}

/** @param reduce pure; returns the very same state where an action changes nothing, and then nobody is called */
export function createStore<State, Action>(
  initial: State,
  reduce: (state: State, action: Action) => State,
): Store<State, Action> {
  let state = initial;
  const listeners = new Set<(state: State) => void>();
  return {
    get state() {
      return state;
    },
    dispatch(action) {
      const next = reduce(state, action);
      if (next === state) return;
      state = next;
      for (const listener of listeners) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
