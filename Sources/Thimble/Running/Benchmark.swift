internal import Execution
internal import ModelGraph
internal import Tensors

/// How long a model takes.
public struct Benchmark: Equatable, Sendable {
    /// What the nodes of one operator took together, or steps that do several nodes at once.
    public struct Share: Equatable, Sendable {
        /// With its domain, unless it is ONNX's own; "Conv+Sigmoid+Mul" where they are one step, "(layout)" for what only moves values.
        public var op: String
        public var nodes: Int
        /// Seconds of one run.
        public var seconds: Double
    }

    public var runs: Int
    public var threads: Int
    /// Seconds of the fastest run, of the median one, and of the one that 95 % do not pass.
    public var minimum: Double
    public var median: Double
    public var p95: Double
    /// The slowest operator first.
    public var shares: [Share]

    /// Measures runs of `session` after one to warm up: `runs` of them, or as many as two seconds take, 5 at least. The shares are
    /// measured in further runs, which watching makes a little slower.
    init(_ session: Session, _ inputs: [Name: Value], runs: Int?, threads: Int) throws {
        _ = try session.run(inputs)
        var times: [Double] = [], start = monotonicSeconds()
        let end = start + 2
        while times.count < runs ?? 5 || (runs == nil && start < end && times.count < 10_000) {
            _ = try session.run(inputs)
            let now = monotonicSeconds()
            times.append(now - start)
            start = now
        }
        times.sort()
        var sums: [String: (nodes: Int, seconds: Double)] = [:]
        let watched = min(10, times.count)
        for _ in 0..<watched {
            try session.profile(inputs) { nodes, seconds in
                let known = sums[Self.name(nodes)] ?? (0, 0)
                sums[Self.name(nodes)] = (known.nodes + nodes.count, known.seconds + seconds)
            }
        }
        self.runs = times.count
        self.threads = threads
        minimum = times[0]
        median = times[times.count / 2]
        p95 = times[min(times.count - 1, times.count * 95 / 100)]
        shares = sums.sorted { ($1.value.seconds, $0.key) < ($0.value.seconds, $1.key) }.map { op, sum in
            Share(op: op, nodes: sum.nodes / watched, seconds: sum.seconds / Double(watched))
        }
    }
}

extension Benchmark {
    /// Seconds of one run that all shares make up.
    private var total: Double { shares.reduce(0) { $0 + $1.seconds } }

    private func part(_ share: Share) -> Double { total > 0 ? share.seconds / total : 0 }

    /// Of long chains only the first few.
    private static func name(_ nodes: [Node]) -> String {
        guard !nodes.isEmpty else { return "(layout)" }
        let names = nodes.prefix(6).map { node in
            let domain = Domain.canonical(node.domain), op = node.opType?.text ?? ""
            return domain.isEmpty ? op : "\(domain.text):\(op)"
        }
        return names.joined(separator: "+") + (nodes.count > 6 ? "+…" : "")
    }

    var json: JSONValue {
        [
            "runs": .int(runs),
            "threads": .int(threads),
            "minimum_seconds": .number(rounded(minimum, 9)),
            "median_seconds": .number(rounded(median, 9)),
            "p95_seconds": .number(rounded(p95, 9)),
            "operators": .list(shares) { ["op": .string($0.op), "nodes": .int($0.nodes), "seconds": .number(rounded($0.seconds, 9)), "share": .number(rounded(part($0), 6))] },
        ]
    }

    var lines: [String] {
        let rows = shares.map { share in
            [printable(share.op), counted(share.nodes, "node"), milliseconds(share.seconds), decimals(100 * part(share), 1) + " %"]
        }
        return [
            "\(counted(runs, "run")) on \(counted(threads, "thread")): minimum \(milliseconds(minimum)), median \(milliseconds(median)), p95 \(milliseconds(p95))"
        ] + table(rows, right: [1, 2, 3])
    }
}

/// `12.3 ms`
func milliseconds(_ seconds: Double) -> String { significant(1000 * seconds) + " ms" }
