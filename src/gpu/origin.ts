/** On whose behalf commands are given: for profiles. */

/** What a command is for: "" for what belongs to no op, such as gathering a batch. */
export type Pass = "forward" | "backward" | "update" | "";

/** Filled in as it becomes known: an op says its name after it has given its commands. */
export interface Origin {
  /** The path of the module, such as `stage1.0.conv`; "" outside of modules. */
  module: string;
  /** The op, or the optimiser; "" where nobody has said so. */
  op: string;
  pass: Pass;
}
