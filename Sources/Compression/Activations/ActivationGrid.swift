internal import Tensors

/// Codes of 8 bits with one scale and zero point: value = (code − zero) · scale, and 0 is one of the values.
struct ActivationGrid: Hashable, Sendable {
    let scale: Float
    let zero: Int
    let elementType: ElementType

    var lowest: Int { elementType == .int8 ? -128 : 0 }
    var highest: Int { lowest + 255 }
    /// The values of the least and the greatest code.
    var range: (low: Float, high: Float) { (Float(lowest - zero) * scale, Float(highest - zero) * scale) }

    /// The grid whose codes span [low, high], widened to hold 0. Where one end is 0, the codes begin or end there exactly.
    init(low: Float, high: Float, _ elementType: ElementType) {
        self.elementType = elementType
        let low = min(low, 0), high = max(high, 0), least = elementType == .int8 ? -128 : 0
        // Half of each: the difference may be beyond binary32.
        let scale = (high / 255 - low / 255)
        guard scale >= Self.leastScale, scale.isFinite else {
            self.scale = high > 0 || low < 0 ? Self.leastScale : 1
            zero = low < 0 && high == 0 ? least + 255 : least
            return
        }
        self.scale = scale
        zero = min(max(least + Int((-low / scale).rounded(.toNearestOrEven)), least), least + 255)
    }

    /// Products with the scales of weights stay normal numbers.
    private static let leastScale: Float = 0x1p-60
}
