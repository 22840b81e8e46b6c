// swift-tools-version: 6.2
import PackageDescription

// Its own package: nothing here is built with the product.
let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "thimble", path: "..")],
    targets: [
        .executableTarget(name: "touch-one", dependencies: [.product(name: "ThimbleRuntime", package: "thimble")], path: "Sources/TouchOne"),
    ]
)
