/** A process of the devnet does not outlive the devnet: its stdin ends with the one that started it. */

export function stopWithParent(): void {
  process.stdin.once('end', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.resume()
}
