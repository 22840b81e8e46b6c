internal import ModelGraph
internal import Tensors

/// Makes tensors of one element type out of elements of others of that type, by moving cells. Elements of fewer than 8 bits have
/// a byte each meanwhile; a STRING is its number in a list of all strings that were seen, where number 0 is the empty one.
struct CellMover {
    let type: ElementType
    let width: Int
    private let environment: any RunEnvironment
    private var strings: [[UInt8]] = [[]]

    init(_ call: Call, _ type: ElementType) throws {
        guard type == .string || type.bitWidth != nil else { throw ModelError(.unsupported, "cannot move elements of \(type)") }
        self.type = type
        environment = call.environment
        width = type == .string ? 8 : max(1, (type.bitWidth ?? 8) / 8)
    }

    /// Elements of `tensor`, which must have the mover's type; `what` names it in the error.
    mutating func cells(_ tensor: Tensor, _ what: @autoclosure () -> String = "an input") throws -> Cells {
        guard tensor.elementType == type else {
            throw ModelError(.invalidGraph, "\(what()) is \(tensor.elementType), \(type) is needed as of the others")
        }
        guard let count = tensor.elementCount else { throw ModelError(.limit, "\(tensor.dims) is too large for a tensor") }
        if type == .string {
            let added = try tensor.stringElements()
            let first = strings.count
            strings += added
            let numbers = try NewElements<Int64>(count)
            for index in 0..<count { numbers[index] = Int64(first + index) }
            return try Cells(TensorBytes(numbers.memory), width: 8, dims: tensor.dims)
        }
        let bytes = try tensor.plainBytes()
        guard let bits = type.bitWidth, bits < 8 else { return try Cells(bytes, width: width, dims: tensor.dims) }
        let codes = try CodeStream.unpack(bytes, bits: bits, isSigned: false, range: 0..<count)
        return try Cells(TensorBytes(codes.map { UInt8(truncatingIfNeeded: $0) }), width: 1, dims: tensor.dims)
    }

    /// Cells for a result. Throws if the stated limit of memory would be passed.
    func newCells(_ dims: [Int]) throws -> NewCells {
        guard let count = elementCount(of: dims), let size = checkedMultiply(count, width) else {
            throw ModelError(.limit, "\(dims) is too large for a tensor")
        }
        return NewCells(dims: dims, width: width, count: count, try environment.memory(size))
    }

    /// The finished cells as a tensor; nothing may be written to them afterwards.
    func tensor(_ cells: NewCells, _ dims: [Int]? = nil) throws -> Tensor {
        let dims = dims ?? cells.dims
        precondition(elementCount(of: dims) == cells.count, "dims for another number of cells")
        if type == .string {
            let numbers = try Elements<Int64>(TensorBytes(cells.memory))
            // The numbers are those that `cells` gave out.
            return Tensor(.string, dims: dims, encoding: .strings(StringList(numbers.map { strings[Int($0)] })))
        }
        guard let bits = type.bitWidth, bits < 8 else { return Tensor(type, dims: dims, bytes: TensorBytes(cells.memory)) }
        let codes = try Elements<UInt8>(TensorBytes(cells.memory)).map { Int32($0) }
        return Tensor(type, dims: dims, bytes: TensorBytes(CodeStream.pack(codes, bits: bits)))
    }
}

extension CellMover {
    /// What begins at `from.offset` of `data` and goes on by its steps, as a dense tensor of `dims`; `reshaped` gives it other dims.
    static func view(_ call: Call, _ data: Tensor, _ dims: [Int], _ from: Stepping, reshaped: [Int]? = nil) throws -> Tensor {
        var mover = try CellMover(call, data.elementType)
        let source = try mover.cells(data)
        let result = try mover.newCells(dims)
        result.copy(dims, from: source, from, to: Stepping(steps: denseStrides(dims)))
        return try mover.tensor(result, reshaped)
    }
}

extension Tensor {


    /// The only element of a tensor of numbers.
    func number(_ what: @autoclosure () -> String) throws -> Double {
        guard elementCount == 1 else { throw ModelError(.invalidGraph, "\(what()) has dims \(dims), one element is needed") }
        switch elementType {
        case .double: return try elements(as: Double.self)[0]
        case .int64, .int32, .uint64, .uint32, .int16, .uint16, .int8, .uint8, .bool: return Double(try wholeNumbers(what())[0])
        default: return Double(try floats(what())[0])
        }
    }

    /// The elements of a tensor of whole numbers of any width.
    func wholeNumbers(_ what: @autoclosure () -> String) throws -> [Int] {
        switch elementType {
        case .int64: return try elements(as: Int64.self).map { Int($0) }
        case .int32: return try elements(as: Int32.self).map { Int($0) }
        case .int16: return try elements(as: Int16.self).map { Int($0) }
        case .int8: return try elements(as: Int8.self).map { Int($0) }
        case .uint8, .bool: return try elements(as: UInt8.self).map { Int($0) }
        case .uint16: return try elements(as: UInt16.self).map { Int($0) }
        case .uint32: return try elements(as: UInt32.self).map { Int($0) }
        case .uint64: return try elements(as: UInt64.self).map { Int(clamping: $0) }
        default: throw ModelError(.invalidGraph, "\(what()) is \(elementType), whole numbers are needed")
        }
    }

    /// The only element of a tensor of whole numbers.
    func wholeNumber(_ what: @autoclosure () -> String) throws -> Int {
        guard elementCount == 1 else { throw ModelError(.invalidGraph, "\(what()) has dims \(dims), one element is needed") }
        return try wholeNumbers(what())[0]
    }

    /// Throws unless the tensor has `rank` dimensions.
    func checkRank(_ rank: Int, _ what: @autoclosure () -> String) throws {
        guard dims.count == rank else { throw ModelError(.invalidGraph, "\(what()) has dims \(dims), \(rank) dimensions are needed") }
    }
}

/// Dims that a computation asks for, checked against the limit of a tensor.
func checkedCount(_ dims: [Int]) throws -> Int {
    guard let count = elementCount(of: dims) else { throw ModelError(.limit, "\(dims) is too large for a tensor") }
    return count
}
