/**
 * A graph that can be read from front to back: every value has one origin and comes before its use.
 *
 *     nodes in any order -> names checked -> what leads to no output is left out -> sorted
 */

import { refuse } from '../../base/refusal.ts'
import type { OnnxGraph, OnnxNode, OnnxTensor, OnnxValue } from './schema.ts'

export interface SortedGraph {
  /** Only those that lead to an output, each after what it takes. */
  readonly nodes: readonly OnnxNode[]
  readonly initializers: ReadonlyMap<string, OnnxTensor>
  /** Without those that an initializer gives a value. */
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** How often a value is taken by a live node or given out. */
  readonly uses: ReadonlyMap<string, number>
}

/** The name of a node for people: its own, or that of its first output. */
export function nodeName({ name, outputs }: OnnxNode): string {
  return name === '' ? (outputs.find((output) => output !== '') ?? '') : name
}

/** @throws RefusalError onnx_name_repeated | onnx_value_undefined | onnx_cycle | onnx_output_missing */
export function sortGraph(graph: OnnxGraph): SortedGraph {
  const initializers = new Map<string, OnnxTensor>()
  for (const tensor of graph.initializers) {
    if (initializers.has(tensor.name)) refuse('onnx_name_repeated', { value: tensor.name })
    initializers.set(tensor.name, tensor)
  }
  const given = inputsOf(graph)
  const producers = producersOf(graph, new Set([...initializers.keys(), ...given.keys()]))
  if (graph.outputs.length === 0) refuse('onnx_output_missing', { graph: graph.name })
  const isGiven = (name: string): boolean => initializers.has(name) || given.has(name)
  const nodes = sortedNodes(graph.outputs, producers, isGiven)
  return {
    nodes,
    initializers,
    inputs: [...given.values()].filter(({ name }) => !initializers.has(name)),
    outputs: graph.outputs,
    uses: usesOf(nodes, graph.outputs),
  }
}

function inputsOf(graph: OnnxGraph): Map<string, OnnxValue> {
  const inputs = new Map<string, OnnxValue>()
  for (const input of graph.inputs) {
    if (inputs.has(input.name)) refuse('onnx_name_repeated', { value: input.name })
    inputs.set(input.name, input)
  }
  return inputs
}

function producersOf(graph: OnnxGraph, given: ReadonlySet<string>): Map<string, OnnxNode> {
  const producers = new Map<string, OnnxNode>()
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue
      if (producers.has(output) || given.has(output)) {
        refuse('onnx_name_repeated', { value: output, node: nodeName(node) })
      }
      producers.set(output, node)
    }
  }
  return producers
}

/** Depth first from the outputs, with a stack of our own: graphs may be long. */
function sortedNodes(
  outputs: readonly OnnxValue[],
  producers: ReadonlyMap<string, OnnxNode>,
  isGiven: (name: string) => boolean,
): OnnxNode[] {
  const sorted = new Set<OnnxNode>()
  const open = new Set<OnnxNode>()
  const stack: { readonly node: OnnxNode; next: number }[] = []
  /** Puts the origin of a value on the stack, unless that has been there. */
  const visit = (value: string, user: string): void => {
    const node = producers.get(value)
    if (node === undefined && !isGiven(value)) {
      refuse('onnx_value_undefined', { value, node: user })
    }
    if (node === undefined || sorted.has(node)) return
    if (open.has(node)) refuse('onnx_cycle', { value, node: user })
    open.add(node)
    stack.push({ node, next: 0 })
  }
  for (const { name } of outputs) {
    visit(name, 'output')
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const operand = top.node.inputs[top.next++]
      if (operand === undefined) sorted.add((stack.pop() as typeof top).node)
      else if (operand !== '') visit(operand, nodeName(top.node))
    }
  }
  return [...sorted]
}

function usesOf(nodes: readonly OnnxNode[], outputs: readonly OnnxValue[]): Map<string, number> {
  const uses = new Map<string, number>()
  const count = (name: string): void => {
    uses.set(name, (uses.get(name) ?? 0) + 1)
  }
  for (const { inputs } of nodes) inputs.forEach(count)
  for (const { name } of outputs) count(name)
  return uses
}
