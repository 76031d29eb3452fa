/**
 * One set-up at a time: a lock file that holds the process id of its owner.
 *
 * A lock whose owner is dead is taken over. The takeover renames the file first and looks at what
 * it got, so that of two that find the same dead lock only one removes it.
 */

import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 200

function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function owner(path) {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** The lock appears whole, with its owner in it: written aside, then linked into place. */
function claim(path) {
  const mine = `${path}.${process.pid}`
  writeFileSync(mine, `${process.pid}\n`)
  try {
    linkSync(mine, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
}

function breakStale(path, deadPid) {
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw error
  }
  // Another process may have replaced the dead lock between our look and our rename: give it back.
  if (Object.is(owner(aside), deadPid)) rmSync(aside)
  else renameSync(aside, path)
}

/** Waits for the lock at `path`; returns the function that frees it. `tell(pid)` is called once. */
export async function lock(path, tell) {
  mkdirSync(dirname(path), { recursive: true })
  let told = false
  while (!claim(path)) {
    const pid = owner(path)
    if (pid === undefined) continue
    if (Number.isNaN(pid) || !alive(pid)) {
      breakStale(path, pid)
      continue
    }
    if (!told) tell(pid)
    told = true
    await pause(POLL_MS)
  }
  return () => rmSync(path, { force: true })
}
