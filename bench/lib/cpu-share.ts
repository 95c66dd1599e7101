import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Shorter than Linux's 100 ms, so that a request of some milliseconds does not run in one piece. */
const periodUs = 10_000

/** Limits processes to a part of the CPU time, as Lambda does by the memory of a function. Needs root, and control groups. */
export class CpuShare {
  readonly #folder: string

  private constructor (folder: string) {
    this.#folder = folder
  }

  static isPossible (): boolean {
    try {
      CpuShare.create(`streams-bench-${process.pid}`, 1).remove()
      return true
    } catch {
      return false
    }
  }

  /** @param cpus such as 0.5 @throws Error of the file system, where it is not possible */
  static create (name: string, cpus: number): CpuShare {
    const quotaUs = Math.round(cpus * periodUs)
    const old = '/sys/fs/cgroup/cpu'
    const folder = join(existsSync(old) ? old : '/sys/fs/cgroup', name)
    mkdirSync(folder, { recursive: true })
    if (existsSync(old)) {
      writeFileSync(join(folder, 'cpu.cfs_period_us'), String(periodUs))
      writeFileSync(join(folder, 'cpu.cfs_quota_us'), String(quotaUs))
    } else {
      writeFileSync(join(folder, 'cpu.max'), `${quotaUs} ${periodUs}`)
    }
    return new CpuShare(folder)
  }

  add (pid: number): void {
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid))
  }

  /** When its processes have ended. */
  remove (): void {
    rmdirSync(this.#folder)
  }
}
