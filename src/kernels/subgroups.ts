/** Pieces of WGSL for subgroups on software Vulkan. */

/**
 * The function that takes a value from a lane whose number is known: `subgroupBroadcast`, or in subgroups of up to 8 lanes `subgroupShuffle`. On lavapipe the latter
 * takes 3 to 5 % off a product, since a broadcast also clears the value where its lane is inactive; with 16 lanes it makes one 25 times slower.
 */
export const fromLane = (lanes: number): string => (lanes <= 8 ? "subgroupShuffle" : "subgroupBroadcast");

/**
 * A branch out of a loop's iteration that's never taken, after what is loaded: LLVM takes each piece of code without branches as a whole and moves loads and products about. Cut here, 16->16@32 takes
 * 17.3 CPU ms in place of 22.6. @param never an expression that's false, and isn't known to be
 */
export const cut = (never: string): string => `if (${never}) { continue; }`;
