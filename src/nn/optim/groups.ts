/** Parameter groups: what of an optimiser's settings differs between parameters. */
import { requireArray } from "../../tensor/kind.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { requireNotNegative } from "./checks.ts";

/** Parameters with a rate and a decay of their own. */
export interface ParameterGroup {
  readonly parameters: readonly Tensor[];
  /** The group's learning rate is `optimizer.lr * lrScale`; 1 by default. */
  readonly lrScale?: number;
  /** In place of the optimiser's. */
  readonly weightDecay?: number;
}

/** What an optimiser optimises: tensors, or groups of them. */
export type Parameters = readonly Tensor[] | readonly ParameterGroup[];

/**
 * The groups, each tensor of a group once; a list of tensors is one group.
 * @throws Error for scales and decays that are negative or no number, and for a tensor in two groups
 */
export function parameterGroups(op: string, parameters: Parameters): ParameterGroup[] {
  requireArray(op, "parameters", parameters);
  const groups = isGroups(parameters) ? parameters : [{ parameters }];
  const groupOf = new Map<Tensor, number>();
  return groups.map((group, index) => {
    const { lrScale = 1, weightDecay = 0 } = group;
    requireNotNegative(op, { lrScale, weightDecay }, ` of group ${index}`);
    for (const tensor of group.parameters) {
      const other = groupOf.get(tensor) ?? index;
      if (other !== index) {
        throw new Error(
          `[${op}] ${tensor} is in groups ${other} and ${index}; a parameter has one rate: put it in one group`,
        );
      }
      groupOf.set(tensor, index);
    }
    return { ...group, parameters: [...new Set(group.parameters)] };
  });
}

function isGroups(parameters: Parameters): parameters is readonly ParameterGroup[] {
  const [first] = parameters;
  return typeof first === "object" && !(first instanceof Tensor) && "parameters" in first;
}
