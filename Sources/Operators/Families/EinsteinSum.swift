internal import ModelGraph
internal import Tensors

/// A sum of products by Einstein's notation (ONNX operator Einsum, NumPy's `einsum`). Operands are folded from the left;
/// each fold is a stack of matrix products.
struct EinsteinSum {
    /// A letter; the dimensions of `...` are numbered from the right, from 0 on.
    enum Label: Hashable {
        case letter(UInt8)
        case ellipsis(Int)
    }

    let inputs: [[Label]]
    let output: [Label]
    private(set) var sizes: [Label: Int] = [:]

    init(_ equation: String, _ shapes: [[Int]]) throws {
        let text = Array(equation.utf8.filter { $0 != UInt8(ascii: " ") })
        let sides = Self.split(text)
        guard sides.inputs.count == shapes.count else {
            throw ModelError(.invalidGraph, "'equation' \(printable(equation)) has \(sides.inputs.count) operands, the node has \(shapes.count)")
        }
        var inputs: [[Label]] = []
        for (term, shape) in zip(sides.inputs, shapes) {
            let labels = try Self.labels(term, rank: shape.count, equation)
            for (label, size) in zip(labels, shape) {
                let known = sizes[label] ?? 1
                guard known == size || known == 1 || size == 1 else {
                    throw ModelError(.invalidGraph, "'equation' \(printable(equation)): one label is \(known) and \(size) in \(shapes)")
                }
                sizes[label] = max(known, size)
                if size == 0 || known == 0 { sizes[label] = 0 }
            }
            inputs.append(labels)
        }
        self.inputs = inputs
        let dots = (inputs.flatMap { $0 }.compactMap { if case .ellipsis(let index) = $0 { index } else { nil } }.max() ?? -1) + 1
        if let term = sides.output {
            output = try Self.labels(term, ellipsis: dots, equation)
        } else {
            // The letters that occur once, in alphabetical order, behind what `...` stands for.
            var counts: [UInt8: Int] = [:]
            for case .letter(let letter) in inputs.flatMap({ $0 }) { counts[letter, default: 0] += 1 }
            output = (0..<dots).reversed().map { .ellipsis($0) } + counts.filter { $0.value == 1 }.keys.sorted().map { .letter($0) }
        }
        guard Set(output).count == output.count, output.allSatisfy({ sizes[$0] != nil }) else {
            throw ModelError(.invalidGraph, "'equation' \(printable(equation)): each label of the result must be in an operand, and once in the result")
        }
    }

    private static func split(_ text: [UInt8]) -> (inputs: [[UInt8]], output: [UInt8]?) {
        var left = text, right: [UInt8]?
        if let arrow = text.indices.first(where: { text[$0] == UInt8(ascii: "-") && $0 + 1 < text.count && text[$0 + 1] == UInt8(ascii: ">") }) {
            (left, right) = (Array(text[..<arrow]), Array(text[(arrow + 2)...]))
        }
        return (left.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(Array.init), right)
    }

    private static func labels(_ term: [UInt8], rank: Int? = nil, ellipsis: Int? = nil, _ equation: String) throws -> [Label] {
        let dot = UInt8(ascii: ".")
        let letters = term.filter { $0 != dot }.count
        let isLetter: (UInt8) -> Bool = { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        let dots = term.indices.filter { term[$0] == dot }
        guard term.allSatisfy({ $0 == dot || isLetter($0) }), dots.isEmpty || (dots.count == 3 && dots[2] - dots[0] == 2) else {
            throw ModelError(.invalidGraph, "'equation' \(printable(equation)) has more than letters, commas, one '...' per operand and '->'")
        }
        let free = ellipsis ?? (rank ?? 0) - letters
        guard free >= 0, rank == nil || !dots.isEmpty || free == 0 else {
            throw ModelError(.invalidGraph, "'equation' \(printable(equation)): an operand of \(rank ?? 0) dimensions has \(letters) letters")
        }
        var result: [Label] = []
        for (index, byte) in term.enumerated() {
            if byte != dot { result.append(.letter(byte)) } else if index == dots[0] { result += (0..<free).reversed().map { .ellipsis($0) } }
        }
        return result
    }
}

extension EinsteinSum {
    /// An operand as dense elements with one label per axis.
    private struct Operand<T: Multipliable> {
        var elements: Elements<T>
        var labels: [Label]
        var dims: [Int]
    }

    func run<T: Multipliable>(_ call: Call, _ operands: [Elements<T>], _ shapes: [[Int]]) throws -> NewElements<T> {
        var rest = zip(zip(operands, shapes), inputs).map { Operand(elements: $0.0.0, labels: $0.1, dims: $0.0.1) }
        var done = try reduced(call, rest.removeFirst(), keep: Set(rest.flatMap { $0.labels } + output))
        while !rest.isEmpty {
            let next = rest.removeFirst(), later = Set(rest.flatMap { $0.labels } + output)
            done = try folded(call, done, reduced(call, next, keep: later.union(done.labels)), later)
        }
        let ordered = try arranged(call, done, output, output.map { sizes[$0] ?? 1 })
        let result = try call.newElements(output.map { sizes[$0] ?? 1 }, T.self)
        unsafe ordered.withPointer { source in unsafe result.withPointer { unsafe $0.update(from: source, count: result.count) } }
        return result
    }

    /// Takes diagonals of repeated labels and sums over those that nobody needs.
    private func reduced<T>(_ call: Call, _ operand: Operand<T>, keep: Set<Label>) throws -> Operand<T> {
        var unique: [Label] = []
        for label in operand.labels where !unique.contains(label) { unique.append(label) }
        let kept = unique.filter { keep.contains($0) }, summed = unique.filter { !keep.contains($0) }
        if kept.count == operand.labels.count { return operand }
        func size(_ label: Label) -> Int { zip(operand.labels, operand.dims).filter { $0.0 == label }.map(\.1).max() ?? 1 }
        let all = try arranged(call, operand, kept + summed, (kept + summed).map(size))
        let dims = kept.map(size), inner = summed.reduce(1) { $0 * size($1) }
        let result = try call.newElements(dims, T.self)
        unsafe all.withPointer { source in
            for row in 0..<result.count {
                var sum = T.nought
                for i in 0..<inner { sum = unsafe T.plus(sum, source[row * inner + i]) }
                result[row] = sum
            }
        }
        return Operand(elements: try result.finished, labels: kept, dims: dims)
    }

    /// The elements with the axes `labels` of sizes `dims`; an axis that the operand lacks, or has with size 1, is repeated.
    private func arranged<T>(_ call: Call, _ operand: Operand<T>, _ labels: [Label], _ dims: [Int]) throws -> Elements<T> {
        if operand.labels == labels, operand.dims == dims { return operand.elements }
        let dense = denseStrides(operand.dims)
        var steps = [Int](repeating: 0, count: labels.count)
        for (axis, label) in operand.labels.enumerated() where operand.dims[axis] != 1 {
            if let place = labels.firstIndex(of: label) { steps[place] += dense[axis] }
        }
        let result = try call.newElements(dims, T.self)
        guard result.count > 0 else { return try result.finished }
        var place = [Int](repeating: 0, count: dims.count), at = 0
        let (innerCount, innerStep) = (dims.last ?? 1, steps.last ?? 0)
        unsafe operand.elements.withPointer { source in
            unsafe result.withPointer { target in
                for row in 0..<result.count / innerCount {
                    for i in 0..<innerCount { unsafe target[row * innerCount + i] = unsafe source[at + i * innerStep] }
                    for axis in stride(from: dims.count - 2, through: 0, by: -1) {
                        place[axis] += 1
                        at += steps[axis]
                        if place[axis] < dims[axis] { break }
                        at -= steps[axis] * dims[axis]
                        place[axis] = 0
                    }
                }
            }
        }
        return try result.finished
    }

    /// The product of two operands, summed over the labels of both that `later` does not hold.
    private func folded<T>(_ call: Call, _ a: Operand<T>, _ b: Operand<T>, _ later: Set<Label>) throws -> Operand<T> {
        let inB = Set(b.labels), inA = Set(a.labels)
        let batch = a.labels.filter { inB.contains($0) && later.contains($0) }, summed = a.labels.filter { inB.contains($0) && !later.contains($0) }
        let left = a.labels.filter { !inB.contains($0) }, right = b.labels.filter { !inA.contains($0) }
        // A size that only one of them has with 1 is stretched; sizes that neither has differently stay.
        func size(_ label: Label) -> Int {
            let found = zip(a.labels + b.labels, a.dims + b.dims).filter { $0.0 == label }.map(\.1)
            return found.contains(0) ? 0 : found.max() ?? 1
        }
        func sizes(_ labels: [Label]) -> [Int] { labels.map(size) }
        let x = try arranged(call, a, batch + left + summed, sizes(batch + left + summed)), y = try arranged(call, b, batch + summed + right, sizes(batch + summed + right))
        let (count, m, n, k) = (sizes(batch).reduce(1, *), sizes(left).reduce(1, *), sizes(right).reduce(1, *), sizes(summed).reduce(1, *))
        let labels = batch + left + right, dims = sizes(labels)
        let result = try call.newElements(dims, T.self)
        if result.count > 0 {
            try MatrixShape([count, m, k], [count, k, n]).multiply(x, y, into: result, threads: call.environment.threads)
        }
        return Operand(elements: try result.finished, labels: labels, dims: dims)
    }
}
